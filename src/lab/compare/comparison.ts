/** Compares two sides cell by cell: two targets of one run, or two runs. */
import { estimatePairs } from '../statistics/paired.ts'
import { findDrift } from '../statistics/drift.ts'
import type { Estimate } from '../statistics/estimate.ts'
import { findOutliers } from '../statistics/outliers.ts'
import { advisedSamples, detectableDifference } from '../statistics/power.ts'
import { median } from '../statistics/quantiles.ts'
import { seededRandom, type Random } from '../statistics/random.ts'
import { estimateUnpaired } from '../statistics/unpaired.ts'
import { judge, type Verdict } from '../statistics/verdict.ts'
import { poolCells } from './pooling.ts'
import type { CellResult, Iteration } from '../results/result.ts'

/** One side: the cells of one target, and of the other targets that ran beside it, if any. */
export interface Side {
  name: string
  cells: readonly CellResult[]
  companions: readonly CellResult[]
}

export interface CellComparison {
  /** MiB; null: cells of several sizes that no machine enforced, as one. */
  ramMb: number | null
  fileSize: string
  fileSizeBytes: number
  /** Null when a side has no good upload in this cell. */
  estimate: Estimate | null
  verdict: Verdict
  /**
   * The difference that these data would most likely have shown, see {@link detectableDifference}; null without data.
   */
  detectable: number | null
  /**
   * `--iterations` with which a difference of 10 % would most likely be found; null when there were as many, or when
   * that is unknown.
   */
  advisedIterations: number | null
  medianA: number | null
  medianB: number | null
  warnings: string[]
}

/** Between two uploads of a round. Other targets of the round and their retries come between, hours do not. */
const LONGEST_GAP_MS = 3_600_000
const DRIFT_SIGNIFICANCE = 0.01
/** Resampling is seeded, so that the same data always give the same answer. */
const SEED = 20_261_122

/** A verdict about B for each cell that both sides have. */
export function compareSides(givenA: Side, givenB: Side): CellComparison[] {
  const random = seededRandom(SEED)
  const [a, b] = [pooled(givenA), pooled(givenB)]
  const inOrder = a.cells.toSorted(
    (one, other) => one.ram_mb - other.ram_mb || one.file_size_bytes - other.file_size_bytes,
  )
  const compared = inOrder.flatMap((cellA) => {
    const cellB = b.cells.find((cell) => isSameCell(cellA, cell))
    return cellB ? [{ cellA, cellB, estimate: estimate(a, b, cellA, cellB, random) }] : []
  })
  const known = compared.flatMap((one) => (one.estimate ? [one.estimate] : []))
  const verdicts = new Map(judge(known).map((verdict, index) => [known[index], verdict]))
  // Two runs without a target in common never settle a small difference, however long they are.
  const advice = (found: Estimate | null, cells: number) => {
    const samples = found && found.unseenFactor === 1 ? advisedSamples(found, known.length) : null
    return found && samples !== null && samples > found.samples ? Math.ceil(samples / cells) : null
  }
  return compared.map(({ cellA, cellB, estimate: found }) => ({
    ramMb: cellA.pooledRamMb,
    fileSize: cellA.file_size,
    fileSizeBytes: cellA.file_size_bytes,
    estimate: found,
    verdict: (found && verdicts.get(found)) ?? 'no difference shown',
    detectable: found && detectableDifference(found, known.length),
    advisedIterations: advice(found, cellA.pooledCells),
    medianA: cellA.stats.median_throughput_mbps,
    medianB: cellB.stats.median_throughput_mbps,
    warnings: warningsOf(a, b, cellA, cellB, found),
  }))
}

function pooled(side: Side) {
  return { ...side, cells: poolCells(side.cells), companions: poolCells(side.companions) }
}

function estimate(a: Side, b: Side, cellA: CellResult, cellB: CellResult, random: Random): Estimate | null {
  if (cellA.run === cellB.run) {
    const pairs = pairsOf(cellA, cellB)
    return pairs.length === 0 ? null : estimatePairs(pairs, random)
  }
  const anchors = commonAnchor(a, b, cellA)
  if (anchors) {
    const toAnchor = (cell: CellResult, anchor: CellResult) =>
      pairsOf(cell, anchor).map((pair) => Math.log(pair.a / pair.b))
    const [ratiosA, ratiosB] = [toAnchor(cellA, anchors.a), toAnchor(cellB, anchors.b)]
    if (ratiosA.length > 0 && ratiosB.length > 0)
      return estimateUnpaired({ a: ratiosA, b: ratiosB, isAnchored: true }, random)
  }
  const [logsA, logsB] = [durations(cellA).map(Math.log), durations(cellB).map(Math.log)]
  if (logsA.length === 0 || logsB.length === 0) return null
  return estimateUnpaired({ a: logsA, b: logsB, isAnchored: false }, random)
}

/** Uploads of the same round, next to each other in time; a round in which either failed has no pair. */
function pairsOf(a: CellResult, b: CellResult): { a: number; b: number }[] {
  return roundsOf(a, b).flatMap(({ one, other }) => {
    const [durationA, durationB] = [goodDuration(one), goodDuration(other)]
    const isPair = durationA !== null && durationB !== null && !isTornApart(one, other)
    return isPair ? [{ a: durationA, b: durationB }] : []
  })
}

function roundsOf(a: CellResult, b: CellResult): { one: Iteration; other: Iteration }[] {
  const others = new Map(b.iterations.map((other) => [other.iteration, other]))
  return a.iterations.flatMap((one) => {
    const other = others.get(one.iteration)
    return other ? [{ one, other }] : []
  })
}

/** A run that was interrupted between the two and resumed later: the machine may be another one by then. */
function isTornApart(one: Iteration, other: Iteration): boolean {
  const [first, second] = [one, other].toSorted((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at))
  if (!first || !second) return false
  const lastedMs = first.phases.reduce((sum, { duration_seconds: seconds }) => sum + seconds, 0) * 1000
  return Date.parse(second.started_at) - Date.parse(first.started_at) - lastedMs > LONGEST_GAP_MS
}

/** A target, the same version of it, that ran beside both sides in this cell. */
function commonAnchor(a: Side, b: Side, cell: CellResult): { a: CellResult; b: CellResult } | null {
  for (const anchorA of a.companions.filter((other) => isSameCell(other, cell))) {
    const anchorB = b.companions.find((other) => isSameCell(other, cell) && isSameProgram(other.target, anchorA.target))
    if (anchorB) return { a: anchorA, b: anchorB }
  }
  return null
}

/** Two programs of which nothing is known are not the same one. */
function isSameProgram(a: CellResult['target'], b: CellResult['target']): boolean {
  const isKnown = a.version !== '' || a.digest !== null
  return isKnown && a.name === b.name && a.version === b.version && a.digest === b.digest
}

function warningsOf(a: Side, b: Side, cellA: CellResult, cellB: CellResult, found: Estimate | null): string[] {
  const warnings: string[] = []
  if (!found) warnings.push('a side has no good upload: nothing to compare')
  if (found && found.unseenFactor > 1) {
    warnings.push(
      `not interleaved: the machine alone may differ by ${found.unseenFactor} times between two runs; make both targets of one run`,
    )
  }
  const torn = cellA.run === cellB.run ? roundsOf(cellA, cellB).filter(({ one, other }) => isTornApart(one, other)) : []
  if (torn.length > 0)
    warnings.push(`${torn.length} of the pairs left out: the run was interrupted between their uploads`)
  for (const key of ['platform', 'upload', 'ram_limited', 'parallel'] as const) {
    if (cellA[key] !== cellB[key]) warnings.push(`${key} differs: ${cellA[key]} and ${cellB[key]}`)
  }
  for (const key of ['cpu', 'cpus', 'kernel', 'disk'] as const) {
    const [hostA, hostB] = [cellA.environment[key], cellB.environment[key]]
    if (hostA !== hostB) warnings.push(`the host's ${key} differs: ${hostA} and ${hostB}`)
  }
  for (const [side, cell] of [[a, cellA] as const, [b, cellB] as const]) {
    const drift = driftOf(cell)
    if (drift) warnings.push(`${side.name} ${drift}`)
    const outliers = findOutliers(durations(cell)).length
    if (outliers > 0) warnings.push(`${side.name} has ${outliers} ${outliers === 1 ? 'outlier' : 'outliers'} (kept)`)
    if (cell.stats.failure_count > 0)
      warnings.push(`${side.name} failed in ${cell.stats.failure_count} iterations (${cell.exit_reason})`)
    const noisy = cell.iterations.filter(({ quiet }) => !quiet).length
    if (noisy > 0)
      warnings.push(`the host was not quiet in ${noisy} of ${cell.iterations.length} iterations of ${side.name}`)
  }
  return warnings
}

/**
 * How a cell's speed moved with the clock, in words; null when it did not. Pairs cancel that out, absolute figures do
 * not.
 */
export function driftOf(cell: CellResult): string | null {
  const points = cell.iterations.flatMap((one) => {
    const duration = goodDuration(one)
    return duration === null ? [] : [{ time: Date.parse(one.started_at) / 3_600_000, value: Math.log(duration) }]
  })
  const { slope, p } = findDrift(points)
  if (p >= DRIFT_SIGNIFICANCE) return null
  const hours = Math.max(...points.map(({ time }) => time)) - Math.min(...points.map(({ time }) => time))
  const change = Math.exp(-slope * hours) - 1
  return `drifted ${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} % in speed over the run`
}

function isSameCell(a: CellResult, b: CellResult): boolean {
  const isSameRam = a.ram_mb === b.ram_mb || (!a.ram_limited && !b.ram_limited)
  return isSameRam && a.file_size_bytes === b.file_size_bytes
}

function durations(cell: CellResult): number[] {
  return cell.iterations.map(goodDuration).filter((duration) => duration !== null)
}

function goodDuration(one: CellResult['iterations'][number]): number | null {
  return one.exit_reason === 'success' ? one.duration_ns : null
}

/** The middle ratio over all cells, for a one-sentence summary; null when no cell has one. */
export function overallRatio(comparisons: readonly CellComparison[]): number | null {
  const ratios = comparisons.flatMap(({ estimate: found }) => (found ? [Math.log(found.ratio)] : []))
  return ratios.length === 0 ? null : Math.exp(median(ratios))
}
