/** When a build and its steps began and ended, as durations and as bars of a timeline. Milliseconds since 1970. */
import { formatDuration } from '../format.ts'
import type { Build, BuildStatus, BuildStep } from '../../client/api-types.ts'

export interface Span {
  from: number
  to: number
}

const UNDER_WAY: readonly BuildStatus[] = ['pending', 'creating', 'provisioning']

/** Whether something is still to come. */
export function isLive({ status, workedOnBy }: Pick<Build, 'status' | 'workedOnBy'>): boolean {
  return UNDER_WAY.includes(status) && workedOnBy !== 'nobody'
}

/** Whether the build was cut off: its record says that it is running, but no process works on it. */
export function isAbandoned({ status, workedOnBy }: Pick<Build, 'status' | 'workedOnBy'>): boolean {
  return UNDER_WAY.includes(status) && workedOnBy === 'nobody'
}

/**
 * How long it took, or takes until now; `null` when that is not known.
 * @param now `null` for what does not go on, whatever its end.
 */
export function durationOf(
  { startedAt, endedAt }: { startedAt: string | null; endedAt: string | null },
  now: number | null,
): number | null {
  if (startedAt === null) return null
  const from = Date.parse(startedAt)
  const end = endedAt === null ? null : Date.parse(endedAt)
  // An end before the beginning belongs to an earlier run.
  if (end !== null && end >= from) return end - from
  return now === null ? null : Math.max(0, now - from)
}

/** The same for a step of a build; `now` is `null` when that does not go on. */
export function stepTook(step: BuildStep, now: number | null): number | null {
  return durationOf(step, step.status === 'running' ? now : null)
}

/** `0.4 s` for the short, `3 min 20 s` for the long. */
export function formatTook(ms: number): string {
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms / 1000)
}

/** From when to when the build's last run went; `null` when nothing has begun. */
export function spanOf(build: Build, now: number): Span | null {
  const starts = build.steps.map(({ startedAt }) => startedAt).filter((at) => at !== null)
  const began = build.run?.startedAt ?? build.startedAt ?? starts.sort()[0]
  if (began === undefined) return null
  const from = Date.parse(began)
  const ends = [...build.steps.map(({ endedAt }) => endedAt), ...starts, build.endedAt].filter((at) => at !== null)
  const to = Math.max(from, ...ends.map((at) => Date.parse(at)), isLive(build) ? now : 0)
  return { from, to }
}

/**
 * Where a step's bar stands, as fractions of the span; `null` when it has none: it has not begun, or an earlier run
 * ran it.
 */
export function barOf(step: BuildStep, span: Span, now: number | null): { start: number; width: number } | null {
  const took = stepTook(step, now)
  if (step.startedAt === null || took === null) return null
  const start = Date.parse(step.startedAt)
  if (start + took < span.from) return null
  const whole = Math.max(1, span.to - span.from)
  const within = (at: number) => Math.min(1, Math.max(0, (at - span.from) / whole))
  return { start: within(start), width: within(start + took) - within(start) }
}

/** Whether an earlier run than the last did it, and the last one did not have to. */
export function isKept(step: BuildStep, build: Build): boolean {
  const began = build.run?.startedAt ?? null
  const isOfThisRun = began === null || step.endedAt === null || Date.parse(step.endedAt) >= Date.parse(began)
  return step.status === 'complete' && !isOfThisRun
}
