import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { roundedSeconds, secondsLeft, stepTime, type StepTime } from '../../src/lab/run/time-left.ts'

const MB = 1e6

/** A step that is done: `overhead` seconds of boot and the like, then the file at `speed` MB/s. */
function done(
  megabytes: number,
  { target = 'a', ramMb = 256, overhead = 10, speed = 50, succeeded = true }: DoneTerms = {},
): StepTime {
  const transferSeconds = megabytes / speed
  return { target, ramMb, bytes: megabytes * MB, succeeded, hashSeconds: 0, transferSeconds, fixedSeconds: overhead }
}
interface DoneTerms {
  target?: string
  ramMb?: number
  overhead?: number
  speed?: number
  succeeded?: boolean
}

function step(megabytes: number, target = 'a', ramMb = 256) {
  return { target, ramMb, bytes: megabytes * MB }
}

interface Case {
  done: StepTime[]
  left: ReturnType<typeof step>[]
  parallel?: number
  seconds: number | null
}

const CASES: Record<string, Case> = {
  'knows nothing before anything is done': { done: [], left: [step(100)], seconds: null },
  'takes a cell like its earlier self': { done: [done(100)], left: [step(100), step(100)], seconds: 24 },
  'counts a boot once a step, not by the byte': { done: [done(5)], left: [step(50), step(50)], seconds: 22 },
  'holds for a run whose first cell was the small one': {
    done: [done(10, { overhead: 30 })],
    left: [step(10), step(100), step(100)],
    seconds: 30.2 + 2 * 32,
  },
  'says nothing of a file that is far bigger than any so far': { done: [done(100)], left: [step(5000)], seconds: null },
  'goes by the big file once it was seen': { done: [done(100), done(1000)], left: [step(5000)], seconds: 110 },
  'says nothing of a target that has not had its turn': { done: [done(100)], left: [step(100, 'b')], seconds: null },
  'knows targets apart': {
    done: [done(100), done(100, { target: 'b', speed: 10 })],
    left: [step(100, 'b'), step(100)],
    seconds: 32,
  },
  'prefers the same RAM to another': {
    done: [done(100), done(100, { ramMb: 128, speed: 1 })],
    left: [step(200, 'a', 128)],
    seconds: 210,
  },
  'takes another RAM where there is none': { done: [done(100)], left: [step(100, 'a', 512)], seconds: 12 },
  'weighs big files more than small ones': {
    done: [done(1, { speed: 1 }), done(1000, { speed: 100 })],
    left: [step(2000)],
    seconds: 10 + (2000 * (1 + 10)) / 1001,
  },
  'does not take the speed of a failure for the speed of a target that also works': {
    done: [done(100), done(200, { succeeded: false, speed: 1 })],
    left: [step(300)],
    seconds: 16,
  },
  'says nothing of other machines after a failure alone': {
    done: [done(100, { succeeded: false, overhead: 180 })],
    left: [step(100, 'a', 512)],
    seconds: null,
  },
  'expects a machine on which a target fails to be as slow with another file': {
    done: [done(100, { succeeded: false, overhead: 180 }), done(100, { ramMb: 512 })],
    left: [step(50), step(50, 'a', 512)],
    seconds: 180 + 1 + 11,
  },
  'expects a failed cell to take its time again': {
    done: [done(100, { succeeded: false, overhead: 900 })],
    left: [step(100)],
    seconds: 902,
  },
  'divides by the cells at once': { done: [done(100)], left: [step(100), step(100)], parallel: 2, seconds: 12 },
  'divides by no more than there are': { done: [done(100)], left: [step(100)], parallel: 8, seconds: 12 },
  'hashes a new size once, and a known size not again': {
    done: [{ ...done(100), hashSeconds: 1 }, done(100)],
    left: [step(100), step(200), step(200)],
    seconds: 12 + 2 * 14 + 2,
  },
}

describe('the time that is left', () => {
  for (const [name, { done: known, left, parallel = 1, seconds }] of Object.entries(CASES)) {
    it(name, () => {
      const answer = secondsLeft(known, left, parallel)
      assert.equal(answer === null ? null : answer.toFixed(6), seconds === null ? null : seconds.toFixed(6))
    })
  }

  it('is read from the phases of a result; tries that failed are part of what a step costs', () => {
    const phase = (name: string, seconds: number) => ({
      name,
      started_at: '',
      duration_seconds: seconds,
      error: null,
    })
    const phases = [phase('prepare file', 1), phase('start machine', 5), phase('upload', 20), phase('verify', 2)]
    const failed = [{ exit_reason: 'machine_failed' as const, message: '', duration_seconds: 90, log_tail: '' }]
    assert.deepEqual(stepTime(step(100), { exit_reason: 'success', phases, failed_attempts: failed }), {
      ...step(100),
      succeeded: true,
      hashSeconds: 1,
      transferSeconds: 22,
      fixedSeconds: 95,
    })
  })

  it('is told no more precisely than it is known', () => {
    assert.deepEqual([0.2, 43, 200, 700, 7521].map(roundedSeconds), [5, 45, 200, 720, 7500])
  })
})
