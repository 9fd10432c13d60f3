/** Durations as people and Go programs write them: `30s`, `1h30m`, `876000h0m0s`, `250ms`. */

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a duration to milliseconds. Accepts what Go's `time.ParseDuration` prints for whole milliseconds, and `d` for
 * days of 24 hours. A bare `0` is zero; any other number needs its unit.
 * @returns null when the text is not a duration.
 */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim()
  if (trimmed === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(trimmed)) return null
  let totalMs = 0
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
  }
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : null
}

/** Milliseconds for a person and for {@link parseDuration}: `250ms`, `30s`, `1h30m`, `7d`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  let rest = Math.round(ms)
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const unitMs = UNIT_MS[unit] ?? 1
    const amount = Math.floor(rest / unitMs)
    rest -= amount * unitMs
    if (amount > 0) text += `${amount}${unit}`
  }
  return text
}

/**
 * Milliseconds as Go's `time.Duration` prints them from a second up, as PicoShare's clients expect: `168h0m0s`,
 * `1m30.5s`.
 */
export function formatGoDuration(ms: number): string {
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = `${(ms % 60_000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}
