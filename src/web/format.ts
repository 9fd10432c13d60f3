/** Sizes, times and counts as people read them. Sizes are decimal (1 kB = 1000 B), as disks and networks count. */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

const counts = new Intl.NumberFormat('en')
const moments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
const exactMoments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** Three digits: `999 B`, `1.5 kB`, `52.4 MB`, `5.37 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // 999.5 would be rounded to 1000, which is already the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : Number(value.toPrecision(3))} ${UNITS[unit]}`
}

/** In bytes where that is what tells it from `other`: 1,049,000 of at most 1,048,576. */
export function formatApart(bytes: number, other: number): string {
  const text = formatBytes(bytes)
  return bytes !== other && text === formatBytes(other) ? `${formatCount(bytes)} bytes` : text
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** `4 s`, `2 min 5 s`, `1 h 20 min`, `3 d 4 h`: the two largest units. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < MINUTE) return `${whole} s`
  if (whole < HOUR) return pair(whole, MINUTE, 'min', 1, 's')
  if (whole < DAY) return pair(whole, HOUR, 'h', MINUTE, 'min')
  return pair(whole, DAY, 'd', HOUR, 'h')
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small)
  return `${Math.floor(seconds / large)} ${largeUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ''}`
}

export function formatPercent(fraction: number): string {
  // Not 100 % before it is.
  return `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)}%`
}

export function formatCount(count: number): string {
  return counts.format(count)
}

/** `1 file`, `2 files`, `10,000 files`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function formatDateTime(at: string): string {
  return moments.format(new Date(at))
}

/** With its seconds. */
export function formatExactTime(at: string): string {
  return exactMoments.format(new Date(at))
}

/** `in 30 days`, `3 hours ago`, `just now`. */
export function formatRelative(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1000
  const size = Math.abs(seconds)
  if (size < 45) return seconds > 0 ? 'in a moment' : 'just now'
  if (size < 45 * MINUTE) return relative.format(Math.round(seconds / MINUTE), 'minute')
  if (size < 22 * HOUR) return relative.format(Math.round(seconds / HOUR), 'hour')
  if (size < 60 * DAY) return relative.format(Math.round(seconds / DAY), 'day')
  if (size < 700 * DAY) return relative.format(Math.round(seconds / (30.44 * DAY)), 'month')
  return relative.format(Math.round(seconds / (365.25 * DAY)), 'year')
}
