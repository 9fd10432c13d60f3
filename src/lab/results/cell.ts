/** Makes a cell's result of its iterations. */
import { bootstrapMedians, interval } from '../statistics/bootstrap.ts'
import { mean, median, standardDeviation } from '../statistics/quantiles.ts'
import { seededRandom } from '../statistics/random.ts'
import { RESULT_SCHEMA, type CellResult, type ExitReason, type Iteration } from './result.ts'

type Facts = Omit<
  CellResult,
  'schema' | 'timestamp' | 'boot_time_seconds' | 'num_iterations' | 'iterations' | 'stats' | 'exit_reason' | 'success'
>

export function makeCellResult(facts: Facts, iterations: readonly Iteration[]): CellResult {
  const reason = overallReason(iterations)
  return {
    ...facts,
    schema: RESULT_SCHEMA,
    timestamp: new Date().toISOString(),
    boot_time_seconds: orNull(median(present(iterations.map((one) => one.boot_time_seconds)))),
    num_iterations: iterations.length,
    iterations: [...iterations],
    stats: statsOf(iterations),
    exit_reason: reason,
    success: reason === 'success',
  }
}

/** A cell succeeds when all its runs do; otherwise it is named by its most frequent failure, by the first of equals. */
function overallReason(iterations: readonly Iteration[]): ExitReason {
  const counts = new Map<ExitReason, number>()
  for (const { exit_reason: reason } of iterations) {
    if (reason !== 'success') counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  if (counts.size === 0) return iterations.length === 0 ? 'interrupted' : 'success'
  return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0]
}

function statsOf(iterations: readonly Iteration[]): CellResult['stats'] {
  const good = iterations.filter((one) => one.exit_reason === 'success')
  const speeds = present(good.map((one) => one.throughput_mbps))
  const random = seededRandom(speeds.length)
  return {
    median_duration_seconds: orNull(median(present(good.map((one) => one.duration_seconds)))),
    median_throughput_mbps: orNull(median(speeds)),
    avg_throughput_mbps: orNull(mean(speeds)),
    stddev_throughput_mbps: speeds.length < 2 ? null : standardDeviation(speeds),
    min_throughput_mbps: speeds.length === 0 ? null : Math.min(...speeds),
    max_throughput_mbps: speeds.length === 0 ? null : Math.max(...speeds),
    median_throughput_interval_mbps: speeds.length < 3 ? null : [...interval(bootstrapMedians(speeds, random), 0.95)],
    rss_peak_bytes: present(iterations.map((one) => one.server.rss_peak_bytes)).reduce<number | null>(
      (highest, bytes) => Math.max(highest ?? 0, bytes),
      null,
    ),
    success_count: good.length,
    failure_count: iterations.length - good.length,
  }
}

function present(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null)
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}
