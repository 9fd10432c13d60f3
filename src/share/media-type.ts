/** The one rule for the type of a file: what its uploader says, what its name says, what its bytes prove. */
import { isUtf8 } from 'node:buffer'
import { lookup } from 'mime-types'
import type { BlobStore } from '../storage/index.ts'
import { invalid } from './fields.ts'
import type { FilesTable } from './tables.ts'

const MAX_TYPE_BYTES = 255
/** A type and its parameters (RFC 9110 section 8.3.1). */
const TOKEN = "[\\w!#$%&'*+.^`|~-]+"
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(\\s*;\\s*(${TOKEN}=(${TOKEN}|"[\\x20-\\x7e]*"))?)*$`)

/** What programs send when they know nothing of the file: curl, wget, urllib, PowerShell, old download scripts. */
const SAYS_NOTHING = new Set([
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'application/binary',
  'application/download',
  'application/force-download',
  'application/unknown',
  'application/x-binary',
  'application/x-download',
  'application/x-octet-stream',
  'application/x-unknown',
  'binary/octet-stream',
  'octet/stream',
  'unknown/unknown',
])

/**
 * Types of a name that texts have too: TypeScript (.ts) beside MPEG transport streams, Rust (.rs) beside an XML format
 * that is hardly used. The bytes tell.
 */
const MAYBE_TEXT = new Set(['video/mp2t', 'application/rls-services+xml'])

/** Types of text outside text/, whose bytes a charset explains. */
const TEXT = /^(text\/.*|application\/(.*\+)?(json|xml|yaml)|application\/(x-)?(javascript|ndjson|sh|sql|toml|yaml))$/

/** So much of a file is read to learn whether it is UTF-8. */
const MAX_PROOF_BYTES = 64 * 2 ** 20

/** The type as its uploader gives it, empty when it gives none. @throws INVALID_REQUEST above 255 bytes. */
export function parseContentType(given: string | null | undefined): string {
  const type = given?.trim() ?? ''
  const bytes = Buffer.byteLength(type)
  if (bytes <= MAX_TYPE_BYTES) return type
  throw invalid('Content-Type', `it has ${bytes} bytes, at most ${MAX_TYPE_BYTES} are allowed`)
}

/** The type without its parameters, in lower case. */
export function essence(type: string): string {
  return (type.split(';', 1)[0] ?? '').trim().toLowerCase()
}

/** The type that a file is served with. Never empty, and fit for a header. */
export function servedType(file: Pick<FilesTable, 'content_type' | 'filename' | 'is_utf8'>): string {
  const given = informativeType(file.content_type) ?? typeOfName(file.filename)
  const type = file.is_utf8 && MAYBE_TEXT.has(essence(given)) ? 'text/plain' : given
  if (!file.is_utf8 || !isText(type) || /;\s*charset=/i.test(type)) return type
  return `${type}; charset=utf-8`
}

/** Whether the bytes of a text are UTF-8; null for a file that is not a text. Reads at most its first 64 MiB. */
export async function provesUtf8(
  file: Pick<FilesTable, 'content_type' | 'filename'>,
  { blobs, key, sizeBytes }: { blobs: BlobStore; key: string; sizeBytes: number },
): Promise<boolean | null> {
  const type = servedType({ ...file, is_utf8: null })
  const isCandidate = MAYBE_TEXT.has(essence(type)) || isText(type)
  if (!isCandidate || /;\s*charset=/i.test(type)) return null
  const check = new Utf8Check()
  const end = Math.min(sizeBytes, MAX_PROOF_BYTES)
  await blobs.copy(key, { start: 0, end }, async (chunk) => check.update(chunk))
  return check.isValid(end < sizeBytes)
}

/** Null when the uploader said nothing useful, or what no header may hold. */
function informativeType(given: string): string | null {
  const type = essence(given)
  // Android's file choosers say image/* and the like.
  return MEDIA_TYPE.test(given) && !SAYS_NOTHING.has(type) && !type.endsWith('*') ? given : null
}

function typeOfName(filename: string): string {
  return lookup(filename) || 'application/octet-stream'
}

function isText(type: string): boolean {
  return TEXT.test(essence(type))
}

/** Checks UTF-8 that comes in pieces. */
export class Utf8Check {
  #isValid = true
  /** The beginning of a character whose end has not come. */
  #begun = Buffer.alloc(0)

  update(chunk: Uint8Array): void {
    if (!this.#isValid) return
    const bytes = this.#begun.length > 0 ? Buffer.concat([this.#begun, chunk]) : chunk
    const end = bytes.length - unfinishedBytes(bytes)
    this.#isValid = isUtf8(bytes.subarray(0, end))
    this.#begun = Buffer.from(bytes.subarray(end))
  }

  /** @param isCut whether there are more bytes that were not shown. */
  isValid(isCut = false): boolean {
    return this.#isValid && (isCut || this.#begun.length === 0)
  }
}

/** Bytes at the end that begin a character of more bytes than there are (RFC 3629). */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
    if (byte < 0x80) return 0
  }
  return 0
}
