/** When a build and its steps began and ended, as durations and as bars of a timeline. Milliseconds since 1970. */
import { formatDuration } from '../format.ts'
import type { Build, BuildStatus, BuildStep } from '../types.ts'

export interface Span {
  from: number
  to: number
}

/** Whether something is still to come. */
export function isLive(status: BuildStatus): boolean {
  return status === 'pending' || status === 'creating' || status === 'provisioning'
}

/** How long it took, or takes until now; `null` when that is not known. */
export function durationOf(
  { startedAt, endedAt }: { startedAt: string | null; endedAt: string | null },
  isRunning: boolean,
  now: number,
): number | null {
  if (startedAt === null) return null
  const from = Date.parse(startedAt)
  const end = endedAt === null ? null : Date.parse(endedAt)
  // An end before the beginning is that of an earlier run.
  if (end !== null && end >= from) return end - from
  return isRunning ? Math.max(0, now - from) : null
}

/** `0.4 s` for the short, `3 min 20 s` for the long. */
export function formatTook(ms: number): string {
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms / 1000)
}

/** From when to when the build's last run went; `null` when nothing has begun. */
export function spanOf(build: Build, now: number): Span | null {
  const starts = build.steps.map(({ startedAt }) => startedAt).filter((at) => at !== null)
  const began = build.run?.startedAt ?? build.startedAt ?? starts.toSorted()[0]
  if (began === undefined) return null
  const from = Date.parse(began)
  const ends = [...build.steps.map(({ endedAt }) => endedAt), ...starts, build.endedAt].filter((at) => at !== null)
  const to = Math.max(from, ...ends.map((at) => Date.parse(at)), isLive(build.status) ? now : 0)
  return { from, to }
}

/**
 * Where a step's bar stands, as fractions of the span; `null` when it has none: it has not begun, or an earlier run ran it.
 */
export function barOf(step: BuildStep, span: Span, now: number): { start: number; width: number } | null {
  const took = durationOf(step, step.status === 'running', now)
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
