/**
 * Bytes and their human form. Decimal units (1 MB = 10^6 bytes) unless the unit says otherwise (1 MiB = 2^20 bytes).
 */

const UNITS: Record<string, number> = {
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/**
 * Parses `100M`, `1.5 GB`, `64MiB` or `1048576` to a whole number of bytes.
 * @returns null when the text is not a size, is negative, or is beyond 2^53 - 1.
 */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  if (!match) return null
  const unit = UNITS[(match[2] || 'b').toLowerCase()]
  if (unit === undefined) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** Bytes for a person, decimal and with three significant digits: `0 B`, `1.5 kB`, `5.37 GB`. */
export function formatBytes(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const exponent = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), names.length - 1)
  const value = bytes / 1000 ** exponent
  return `${exponent === 0 ? value : Number(value.toPrecision(3))} ${names[exponent]}`
}

/** Bytes in the largest decimal unit that loses nothing, for {@link parseBytes}: `64MB`, `1234567B`, `0`. */
export function exactBytes(bytes: number): string {
  if (bytes === 0) return '0'
  const names = ['B', 'kB', 'MB', 'GB', 'TB']
  const exponent = names.findLastIndex((_, candidate) => bytes % 1000 ** candidate === 0)
  return `${bytes / 1000 ** exponent}${names[exponent]}`
}
