import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findDrift } from '../../src/lab/statistics/drift.ts'
import { adjustForMany } from '../../src/lab/statistics/false-discovery.ts'
import { findOutliers } from '../../src/lab/statistics/outliers.ts'
import { normalQuantile } from '../../src/lab/statistics/normal.ts'
import { estimatePairs, type Pair } from '../../src/lab/statistics/paired.ts'
import { advisedSamples, detectableDifference, RECOMMENDED_ITERATIONS } from '../../src/lab/statistics/power.ts'
import { median, quantile, scaledMad } from '../../src/lab/statistics/quantiles.ts'
import { seededRandom, shuffled, type Random } from '../../src/lab/statistics/random.ts'
import { signFlipP } from '../../src/lab/statistics/sign-flip.ts'
import { estimateUnpaired } from '../../src/lab/statistics/unpaired.ts'
import { judge } from '../../src/lab/statistics/verdict.ts'

const SIMULATED_RUNS = 1000
const RESAMPLES = 500
const NOISE = 0.04

type Machine = (progress: number, duration: number) => number

/** How a machine drifts in the course of a run, up to three times; `progress` is from 0 to 1. */
const DRIFTS: Record<string, (random: Random) => (progress: number) => number> = {
  'slows down steadily': (random) => {
    const slowdown = 2 * random()
    return (progress) => 1 + slowdown * progress
  },
  'wanders about': (random) => {
    let level = 0
    return () => Math.exp((level += 0.03 * gaussian(random)))
  },
  'is slow once a run': (random) => {
    const phase = random()
    return (progress) => Math.exp(0.55 * Math.sin(2 * Math.PI * (progress + phase)))
  },
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** A machine that drifts, with 4 % of noise and bursts up to twice as slow that last for a few uploads. */
function noisyMachine(random: Random, drift = DRIFTS['slows down steadily']): Machine {
  const driftAt = drift?.(random) ?? (() => 1)
  let burst = 0
  return (progress, duration) => {
    if (burst > 0) burst--
    else if (random() < 0.05) burst = 1 + Math.floor(random() * 4)
    const noise = Math.exp(NOISE * gaussian(random)) * (burst > 0 ? 1 + random() : 1)
    return duration * driftAt(progress) * noise
  }
}

/** An interleaved run, in an order by coin flip as the lab makes it. @param ratio true speed of B over A. */
function simulatePairs(random: Random, count: number, ratio: number, measure = noisyMachine(random)): Pair[] {
  return Array.from({ length: count }, (_, index) => {
    const [first, second] = [index / count, (index + 0.5) / count]
    if (random() < 0.5) {
      const a = measure(first, 1)
      return { a, b: measure(second, 1 / ratio) }
    }
    const b = measure(first, 1 / ratio)
    return { a: measure(second, 1), b }
  })
}

function shareCalled(drift: (typeof DRIFTS)[string], ratio: number, verdicts: string[]): number {
  const random = seededRandom(42)
  let called = 0
  for (let run = 0; run < SIMULATED_RUNS; run++) {
    const pairs = simulatePairs(random, RECOMMENDED_ITERATIONS, ratio, noisyMachine(random, drift))
    if (verdicts.includes(judge([estimatePairs(pairs, random, RESAMPLES)])[0] ?? '')) called += 1
  }
  return called / SIMULATED_RUNS
}

describe('1,000 simulated runs with bursts on a machine that', () => {
  for (const [name, drift] of Object.entries(DRIFTS)) {
    it(`${name}: shows a difference in at most 5 % when both targets are the same`, () => {
      const share = shareCalled(drift, 1, ['faster', 'slower'])
      assert.ok(share <= 0.05, `${share * 100} %`)
    })

    it(`${name}: shows a target that is 10 % faster as faster in at least 90 %`, () => {
      const share = shareCalled(drift, 1.1, ['faster'])
      assert.ok(share >= 0.9, `${share * 100} %`)
    })
  }
})

describe('simulated runs', () => {
  it('show no difference for the same target in two separate runs', () => {
    const random = seededRandom(43)
    for (let run = 0; run < 100; run++) {
      const [a, b] = [0, 1].map(() => {
        const speed = 1 + random()
        const measure = noisyMachine(random)
        return Array.from({ length: 12 }, (_, index) => Math.log(measure(index / 12, speed)))
      })
      const estimate = estimateUnpaired({ a: a ?? [], b: b ?? [], isAnchored: false }, random, 300)
      assert.equal(judge([estimate])[0], 'no difference shown')
    }
  })
})

describe('a verdict', () => {
  const pairs = (count: number, ratio: number) =>
    Array.from({ length: count }, (_, index) => ({ a: 1 + (index % 3) / 100, b: 1 / ratio }))

  it('is not given for fewer than six pairs, however clear', () => {
    assert.equal(judge([estimatePairs(pairs(5, 3), seededRandom(1))])[0], 'no difference shown')
    assert.equal(judge([estimatePairs(pairs(6, 3), seededRandom(1))])[0], 'faster')
    assert.equal(judge([estimatePairs(pairs(6, 1 / 3), seededRandom(1))])[0], 'slower')
  })

  it('is equivalent where the interval lies within 5 %', () => {
    assert.equal(judge([estimatePairs(pairs(20, 1.001), seededRandom(1))])[0], 'equivalent')
  })

  it('needs more than a factor of three for two runs that share no target', () => {
    const logs = (level: number) => Array.from({ length: 12 }, (_, index) => Math.log(level) + (index % 4) / 100)
    const verdict = (ratio: number, isAnchored: boolean) =>
      judge([estimateUnpaired({ a: logs(ratio), b: logs(1), isAnchored }, seededRandom(1), 999)])[0]
    assert.equal(verdict(2, false), 'no difference shown')
    assert.equal(verdict(4, false), 'faster')
    assert.equal(verdict(2, true), 'faster')
    const alike = (level: number) => Array.from({ length: 12 }, () => Math.log(level))
    const estimate = estimateUnpaired({ a: alike(2), b: alike(1), isAnchored: true }, seededRandom(1), 999)
    assert.equal(judge([estimate])[0], 'faster', 'each side the same every time')
  })

  it('comes with how many iterations find 10 %', () => {
    const random = seededRandom(5)
    const few = estimatePairs(simulatePairs(random, 8, 1), random)
    const many = estimatePairs(simulatePairs(random, 80, 1), random)
    assert.ok((advisedSamples(few, 1) ?? 0) > 8)
    assert.ok((advisedSamples(many, 1) ?? 0) <= 80)
    assert.ok((advisedSamples(few, 20) ?? 0) > (advisedSamples(few, 1) ?? 0))
  })

  for (const cells of [1, 20]) {
    it(`comes with a difference that most runs like it would have shown, in one cell of ${cells}`, () => {
      const random = seededRandom(6)
      let found = 0
      for (let run = 0; run < 400; run++) {
        const seen = estimatePairs(simulatePairs(random, 20, 1), random, RESAMPLES)
        const ratio = 1 + detectableDifference(seen, cells)
        const next = estimatePairs(simulatePairs(random, 20, ratio), random, RESAMPLES)
        const others = Array.from({ length: cells - 1 }, () => ({ ...next, p: random() }))
        if (judge([next, ...others])[0] === 'faster') found += 1
      }
      assert.ok(found >= 280 && found <= 360, `${found / 4} %`)
    })
  }

  it('comes without such a difference where so few pairs show none among so many cells', () => {
    const estimate = estimatePairs(pairs(8, 3), seededRandom(1))
    const others = Array.from({ length: 19 }, () => ({ ...estimate, p: 0.5 }))
    assert.equal(judge([estimate, ...others])[0], 'no difference shown')
    assert.equal(detectableDifference(estimate, 20), Infinity)
    assert.equal(judge([estimate])[0], 'faster')
    assert.ok(Number.isFinite(detectableDifference(estimate, 1)))
  })
})

describe('the pieces', () => {
  it('know their textbook values', () => {
    assert.ok(Math.abs(normalQuantile(0.025) - 1.959964) < 1e-5)
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([1, 2, 3, 10]), 2.5)
    assert.equal(quantile([1, 2, 3, 4, 5], 0.25), 2)
    assert.ok(Number.isNaN(median([])))
    assert.ok(Math.abs(scaledMad([1, 2, 3, 4, 5]) - 1.4826) < 1e-9)
    // Six differences of one sign: 2 patterns of 64.
    assert.equal(signFlipP([1, 2, 3, 4, 5, 6]), 2 / 64)
    assert.equal(signFlipP([1, 2, 3, 4, 5, -6]), 2 * (14 / 64))
    assert.equal(signFlipP([1, 1, 1, 1, 1, 1]), 2 / 64)
    assert.equal(signFlipP([]), 1)
    assert.equal(signFlipP([0, 0]), 1)
  })

  it('find drift, and none in noise', () => {
    const random = seededRandom(9)
    const series = (slope: number) =>
      Array.from({ length: 30 }, (_, time) => ({ time, value: slope * time + random() }))
    const drifting = findDrift(series(0.1))
    assert.ok(drifting.p < 0.001 && Math.abs(drifting.slope - 0.1) < 0.03)
    assert.ok(findDrift(series(0)).p > 0.01)
    assert.equal(findDrift([]).p, 1)
  })

  it('name outliers by their index and leave a quiet series alone', () => {
    assert.deepEqual(findOutliers([10, 10.1, 9.9, 10.2, 30, 9.8]), [4])
    assert.deepEqual(findOutliers([1, 1, 1, 1, 1]), [])
  })

  it('adjust p-values as Benjamini and Hochberg do', () => {
    const rounded = adjustForMany([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(4)))
    assert.deepEqual(rounded, [0.02, 0.04, 0.04, 0.02])
  })

  it('repeat with their seed', () => {
    const items = [1, 2, 3, 4, 5, 6, 7]
    assert.deepEqual(shuffled(items, seededRandom(3)), shuffled(items, seededRandom(3)))
    assert.notDeepEqual(shuffled(items, seededRandom(3)), shuffled(items, seededRandom(4)))
    assert.deepEqual(new Set(shuffled(items, seededRandom(3))), new Set(items))
  })
})
