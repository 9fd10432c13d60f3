/**
 * What a client says about a file: name, note, expiry, passphrase, limit. The rules are PicoShare's where it has one.
 */
import { HoldfastError, parseBytes } from '../base/index.ts'
import { ShareError } from './errors.ts'

/** PicoShare's way to say never. */
const NEVER = '2999-12-31T00:00:00Z'
const MIN_LIFETIME_MS = 3_600_000
const MAX_FILENAME_CHARACTERS = 255
const MAX_NOTE_BYTES = 500
const MAX_PASSPHRASE_CHARACTERS = 100

// RFC 3339, section 5.6.
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN_IN_FILENAME = /[\u0000-\u001f\u007f/]/

/**
 * A name as the client gives it. It never becomes a path on this machine, so only what would mislead others is refused.
 * @throws INVALID_REQUEST unless it has 1 to 255 characters, is not `.` or `..`, and has no slash or control character.
 */
export function parseFilename(given: string): string {
  const characters = Array.from(given).length
  if (characters === 0) throw invalid('filename', 'it is empty')
  if (characters > MAX_FILENAME_CHARACTERS)
    throw invalid('filename', `it has ${characters} characters, at most ${MAX_FILENAME_CHARACTERS} are allowed`)
  if (given === '.' || given === '..') throw invalid('filename', `${JSON.stringify(given)} is the name of a folder`)
  if (FORBIDDEN_IN_FILENAME.test(given) || !given.isWellFormed()) {
    throw invalid('filename', `${JSON.stringify(given)} has a slash or a control character`)
  }
  return given
}

/**
 * The note, or null for an empty one.
 * @throws INVALID_REQUEST when it is too long or looks like a mistake or an attack.
 */
export function parseNote(given: string | null | undefined): string | null {
  if (given === undefined || given === null || given === '') return null
  const bytes = Buffer.byteLength(given)
  if (bytes > MAX_NOTE_BYTES) throw invalid('note', `it has ${bytes} bytes, at most ${MAX_NOTE_BYTES} are allowed`)
  if (given === 'null' || given === 'undefined')
    throw invalid('note', `the word ${JSON.stringify(given)} is not allowed`)
  if (/<\s*\/?\s*(script|iframe)\b/i.test(given)) throw invalid('note', 'it may not contain script or iframe tags')
  return given
}

/**
 * The moment of expiry in ms since 1970, or null for never (the year 2999 and later).
 * @throws INVALID_REQUEST when it is not an RFC 3339 time or less than an hour ahead of `now`.
 */
export function parseExpiration(given: string | undefined, now: number, field = 'expiration'): number | null {
  if (!given) throw invalid(field, `it is missing; give an RFC 3339 time such as ${NEVER} (never)`)
  // A plus sign that was not escaped in a query arrives as a space.
  const text = given.replace(' ', '+')
  const at = RFC3339.test(text) && isCalendarDay(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw invalid(field, `${JSON.stringify(given)} is not an RFC 3339 time such as ${NEVER}`)
  if (at >= Date.parse(NEVER)) return null
  if (at < now + MIN_LIFETIME_MS) throw invalid(field, 'it must be at least one hour from now')
  return at
}

/** `Date.parse` takes 30 February for 1 March, and hour 24 for the next day. */
function isCalendarDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number)
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate() && text.slice(11, 13) < '24'
}

/** How a time is written in answers; null stays null. */
export function formatTime(at: number): string
export function formatTime(at: number | null): string | null
export function formatTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}

/** The passphrase, or null for none. @throws INVALID_REQUEST when it is too long. */
export function parsePassphrase(given: string | null | undefined): string | null {
  if (given === undefined || given === null || given === '') return null
  const characters = Array.from(given).length
  if (characters <= MAX_PASSPHRASE_CHARACTERS) return given
  throw invalid(
    'downloadPassphrase',
    `it has ${characters} characters, at most ${MAX_PASSPHRASE_CHARACTERS} are allowed`,
  )
}

/**
 * The download limit, or null for none. An empty one is refused: a script's unset variable must not drop a protection.
 * @throws INVALID_REQUEST unless it is a whole number from 1.
 */
export function parseMaxDownloads(given: string | undefined): number | null {
  if (given === undefined) return null
  const limit = /^\d+$/.test(given) ? parseBytes(given) : null
  if (limit !== null && limit >= 1 && limit <= 1e9) return limit
  throw invalid('maxDownloads', `${JSON.stringify(given)} is not a whole number from 1`)
}

/** The value of a header that carries any text percent-encoded. @throws INVALID_REQUEST */
export function parsePercentEncoded(header: string, given: string): string {
  try {
    return decodeURIComponent(given)
  } catch (error) {
    if (error instanceof URIError) throw invalid(header, 'it is not percent-encoded')
    throw error
  }
}

export function invalid(field: string, problem: string): HoldfastError {
  return new ShareError('INVALID_REQUEST', `invalid ${field}: ${problem}`, { details: { field } })
}
