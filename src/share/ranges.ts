/** Which part of a file a request wants (RFC 9110, sections 13 and 14). */
import type { IncomingHttpHeaders } from 'node:http'
import parseRange from 'range-parser'
import type { ByteRange } from '../storage/index.ts'
import { ShareError } from './errors.ts'

/** No honest client asks for more ranges in one request; the whole file is sent instead. */
const MAX_RANGES = 16

export interface Validators {
  /** With its quotes. */
  etag: string
  lastModified: Date
}

/** Whether the client asks for another version of the file: 412 (RFC 9110 section 13.2.2). */
export function isPreconditionFailed(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const match = headers['if-match']
  // A weak tag never matches here: section 13.1.1 asks for the strong comparison.
  if (match !== undefined) return !match.split(',').some((tag) => ['*', etag].includes(tag.trim()))
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since'])
  return unmodifiedSince < wholeSeconds(lastModified)
}

/** Whether the client's copy is still good, so that 304 is the answer. */
export function isNotModified(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined) {
    return noneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
  }
  const since = parseHttpDate(headers['if-modified-since'])
  return since >= wholeSeconds(lastModified)
}

/**
 * The ranges to send, sorted and joined where they touch, or null for the whole file.
 * @throws RANGE_NOT_SATISFIABLE when none of the ranges lies inside the file.
 */
export function requestedRanges(
  headers: IncomingHttpHeaders,
  sizeBytes: number,
  validators: Validators,
): ByteRange[] | null {
  const { range } = headers
  if (range === undefined || !isCurrent(headers['if-range'], validators)) return null
  // Units are written in any case (section 14.1). "The last 500 bytes" of a shorter file is all of it (section
  // 14.1.2); the parser finds nothing then.
  const fitting = range
    .replace(/^bytes=/i, 'bytes=')
    .replaceAll(/(?<=[=,]\s*)-(\d+)/g, (_, last) => `-${Math.min(Number(last), sizeBytes)}`)
  const parsed = parseRange(sizeBytes, fitting, { combine: true })
  if (parsed === -1) {
    throw new ShareError('RANGE_NOT_SATISFIABLE', `no part of ${range} lies inside the file of ${sizeBytes} bytes`, {
      details: { sizeBytes },
    })
  }
  if (parsed === -2 || parsed.type !== 'bytes' || parsed.length > MAX_RANGES) return null
  return parsed.map(({ start, end }) => ({ start, end: end + 1 }))
}

function isCurrent(ifRange: string | string[] | undefined, { etag, lastModified }: Validators): boolean {
  if (ifRange === undefined) return true
  const given = String(ifRange)
  return given.includes('"') ? given === etag : parseHttpDate(given) === wholeSeconds(lastModified)
}

/**
 * Milliseconds since 1970, or NaN for what is not a date of HTTP (RFC 9110 section 5.6.7), which is to be ignored. Of
 * the obsolete forms only asctime lacks its zone, which is GMT.
 */
function parseHttpDate(given: string | undefined): number {
  const [, date = '', zone = ' GMT'] = /^([A-Z][a-z]+,? .*\d\d:\d\d:\d\d(?: \d{4})?)( GMT)?$/.exec(given ?? '') ?? []
  return Date.parse(date + zone)
}

/** HTTP dates have no fractions of a second. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000
}

/** Adds a range to sorted ranges that do not touch; the ranges that it touches become one with it. */
export function mergeRange(ranges: readonly ByteRange[], added: ByteRange): ByteRange[] {
  const apart = ranges.filter(({ start, end }) => end < added.start || start > added.end)
  const touching = [added, ...ranges.filter((range) => !apart.includes(range))]
  const merged = {
    start: Math.min(...touching.map(({ start }) => start)),
    end: Math.max(...touching.map(({ end }) => end)),
  }
  return [...apart, merged].toSorted((a, b) => a.start - b.start)
}

/** Whether sorted ranges that do not touch are the whole of a file. */
export function covers(ranges: readonly ByteRange[], sizeBytes: number): boolean {
  return sizeBytes === 0 || (ranges[0]?.start === 0 && ranges[0].end >= sizeBytes)
}
