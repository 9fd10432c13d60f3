/**
 * A state as one JSON document, for other programs and for keeping: what `state export` writes and `state import`
 * reads. Import also takes the JSON state files of earlier builders: an object with a version, a serial and builds,
 * by name or in a list, whose fields may be named in snake case or camel case.
 */
import { zstdDecompressSync } from 'node:zlib'
import { HoldfastError, messageOf } from '../base/index.ts'
import type { Build } from './build.ts'
import type { Json } from './json.ts'
import { createBuild } from './parse-build.ts'
import type { SnapshotPage } from './state-store.ts'
import { STATE_VERSION } from './state.ts'
import { StateError, type StateErrorCode } from './errors.ts'

const FORMAT = 'holdfast-state'
const ZSTD_MAGIC = 0xfd2fb528

export interface ImportedState {
  /** null when the document has none. */
  lineage: string | null
  serial: number | null
  builds: Build[]
}

/** The document's text, piece by piece, in flat memory. */
export async function* writeDocument(pages: AsyncIterable<SnapshotPage>): AsyncIterableIterator<string> {
  let separator = ''
  for await (const { head, builds } of pages) {
    if (separator === '') {
      const about = JSON.stringify({
        format: FORMAT,
        version: STATE_VERSION,
        lineage: head.lineage,
        serial: head.serial,
      })
      yield `${about.slice(0, -1)},"builds":[`
      separator = '\n'
    }
    for (const { body } of builds) {
      yield separator + body
      separator = ',\n'
    }
  }
  yield '\n]}\n'
}

/**
 * Reads a document, compressed with zstd or not.
 * @throws IMPORT_EMPTY, IMPORT_NUL_BYTES, IMPORT_TRUNCATED, IMPORT_INVALID_JSON, IMPORT_NOT_A_STATE; STATE_TOO_NEW;
 * INVALID_BUILD; NESTING_TOO_DEEP.
 */
export function readDocument(source: string, bytes: Uint8Array): ImportedState {
  const text = decode(source, bytes)
  if (text.trim() === '') throw refuse('IMPORT_EMPTY', `${source} is empty`)
  const value = parse(source, text)
  if (!isObject(value) || isOfAnother(value)) {
    throw refuse('IMPORT_NOT_A_STATE', `${source} is JSON, but no object with builds`)
  }
  const document = camelKeys(value)
  assertVersion(source, document)
  return {
    lineage: typeof document.lineage === 'string' ? document.lineage : null,
    serial: typeof document.serial === 'number' ? document.serial : null,
    builds: buildsOf(source, document.builds),
  }
}

/**
 * An empty object, or an object of a version and plain facts only, is a state without builds. An object with other
 * things in it is not a state, and would empty the state that it is imported into.
 */
function isOfAnother(value: JsonObject): boolean {
  const fields = Object.values(value)
  if ('builds' in value || fields.length === 0) return false
  return !('version' in value) || fields.some((field) => typeof field === 'object' && field !== null)
}

/** The versions of other builders mean nothing here, as long as they are some. */
function assertVersion(source: string, { format, version = STATE_VERSION }: JsonObject): void {
  if (!Number.isInteger(Number(version))) {
    throw refuse('IMPORT_NOT_A_STATE', `${source} has the version ${JSON.stringify(version)}, which is not a number`)
  }
  if (format !== FORMAT || Number(version) <= STATE_VERSION) return
  throw new StateError(
    'STATE_TOO_NEW',
    `${source} has version ${Number(version)}, this Holdfast knows ${STATE_VERSION}`,
    {
      hint: 'Nothing was changed. Use the Holdfast that wrote it, or a newer one.',
    },
  )
}

type JsonObject = Record<string, Json>

function decode(source: string, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < 4 || buffer.readUInt32LE() !== ZSTD_MAGIC) return textOfBytes(source, buffer)
  try {
    return textOfBytes(source, zstdDecompressSync(buffer))
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    throw refuse('IMPORT_TRUNCATED', `${source} is compressed, but not to its end: ${messageOf(error)}`)
  }
}

/** Without the byte order mark that editors of Windows put before it. */
function textOfBytes(source: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // What a crash leaves has a name of its own; anything else was not written by Holdfast.
    const nul = bytes.indexOf(0)
    if (nul >= 0) throw nulBytes(source, nul)
    throw refuse('IMPORT_INVALID_JSON', `${source} is not JSON: it is not UTF-8 text`)
  }
}

function nulBytes(source: string, from: number): HoldfastError {
  return refuse('IMPORT_NUL_BYTES', `${source} has NUL bytes from byte ${from} on`)
}

function parse(source: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const nul = text.indexOf('\0')
    if (nul >= 0) throw nulBytes(source, Buffer.byteLength(text.slice(0, nul)))
    if (isTruncated(text, messageOf(error)))
      throw refuse('IMPORT_TRUNCATED', `${source} ends in the middle of its JSON`)
    throw refuse('IMPORT_INVALID_JSON', `${source} is not JSON: ${messageOf(error)}`)
  }
}

/** Whether the parser wanted more where the text ends, as V8's messages tell. */
function isTruncated(text: string, problem: string): boolean {
  const position = Number(/at position (\d+)/.exec(problem)?.[1] ?? -1)
  return /Unexpected end|Unterminated string/.test(problem) || position >= text.trimEnd().length
}

function buildsOf(source: string, builds: Json = null): Build[] {
  // As Go writes a map that was never filled.
  if (builds === null) return []
  if (typeof builds !== 'object') {
    throw refuse('IMPORT_NOT_A_STATE', `"builds" in ${source} is neither an object nor a list`)
  }
  const entries = Array.isArray(builds) ? builds.map((build) => ['', build] as const) : Object.entries(builds)
  const names = new Set<string>()
  return entries.map(([key, value]: readonly [string, Json], index) => {
    if (!isObject(value)) {
      const which = key === '' ? `number ${index + 1}` : JSON.stringify(key)
      throw refuse('IMPORT_NOT_A_STATE', `the build ${which} in ${source} is not an object`)
    }
    const build = buildOf(key, value)
    if (names.has(build.name)) {
      throw refuse(
        'IMPORT_NOT_A_STATE',
        `${source} has more than one build with the name ${JSON.stringify(build.name)}`,
      )
    }
    names.add(build.name)
    return build
  })
}

const KNOWN_FIELDS = ['templateHash', 'instance', 'error', 'createdAt', 'startedAt', 'endedAt', 'status']

const READ_FIELDS = [...KNOWN_FIELDS, 'name', 'type', 'source', 'provisioners', 'artifacts', 'metadata']

/**
 * Missing fields, and null, get their default; fields that only the other builder knows go into the metadata. The
 * rest must be as builds have it: who guesses what it means loses what it meant.
 */
function buildOf(key: string, value: JsonObject): Build {
  const fields = withoutNulls(camelKeys(value))
  const { name, type, source, provisioners = [], artifacts = [], metadata = {} } = fields
  const taken = Object.entries(fields).filter(([field]) => KNOWN_FIELDS.includes(field))
  const unknown = Object.fromEntries(Object.entries(value).filter(([field]) => !READ_FIELDS.includes(camelCase(field))))
  const known = {
    ...Object.fromEntries(taken),
    name: name || key,
    source: source || type || '',
    provisioners: eachOf(provisioners, provisionerOf),
    artifacts: eachOf(artifacts, artifactOf),
    metadata: isObject(metadata) ? { ...metadata, ...unknown } : metadata,
  }
  // What the file says is unproven until createBuild has looked at it.
  return createBuild(known as unknown as Build)
}

function provisionerOf(fields: JsonObject): JsonObject {
  const { type, name, ...given } = fields
  const defaults = { error: null, startedAt: null, endedAt: null, status: 'pending' }
  return { ...defaults, ...given, name: name || type || '' }
}

function artifactOf({ size = 0, ...given }: JsonObject): JsonObject {
  const sizeBytes = typeof size === 'string' && /^\d+$/.test(size) ? Number(size) : size
  return { path: '', sha256: '', url: null, sizeBytes, ...given }
}

/** Other values than a list of objects are left for createBuild to refuse. */
function eachOf(values: Json, read: (fields: JsonObject) => JsonObject): Json {
  if (!Array.isArray(values)) return values
  return values.map((value: Json) => (isObject(value) ? read(withoutNulls(camelKeys(value))) : value))
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null))
}

function camelKeys(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [camelCase(key), value]))
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function refuse(code: StateErrorCode, message: string): HoldfastError {
  return new StateError(code, message, {
    hint: 'Nothing was changed. Give a whole state file, as state export writes it.',
  })
}
