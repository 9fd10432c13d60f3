/**
 * A state as one JSON document, for other programs and for keeping: what `state export` writes and `state import` reads.
 * Import also takes the JSON state files of earlier builders: an object with a version, a serial and builds, by name or in
 * a list, whose fields may be named in snake case or camel case.
 */
import { zstdDecompressSync } from 'node:zlib'
import { HoldfastError, messageOf, type ErrorCode } from '../base/index.ts'
import { BUILD_STATUSES, type Build } from './build.ts'
import type { Json } from './json.ts'
import { createBuild } from './parse-build.ts'
import type { SnapshotPage } from './state-store.ts'
import { STATE_VERSION } from './state.ts'

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
 * @throws IMPORT_EMPTY, IMPORT_NUL_BYTES, IMPORT_TRUNCATED, IMPORT_INVALID_JSON, IMPORT_NOT_A_STATE; INVALID_BUILD;
 * NESTING_TOO_DEEP.
 */
export function readDocument(source: string, bytes: Uint8Array): ImportedState {
  const text = decode(source, bytes)
  if (text.trim() === '') throw refuse('IMPORT_EMPTY', `${source} is empty`)
  const value = parse(source, text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refuse('IMPORT_NOT_A_STATE', `${source} is JSON, but no object with builds`)
  }
  const document = camelKeys(value as JsonObject)
  if (document.version !== undefined && !Number.isInteger(Number(document.version))) {
    throw refuse(
      'IMPORT_NOT_A_STATE',
      `${source} has the version ${JSON.stringify(document.version)}, which is no number`,
    )
  }
  return {
    lineage: typeof document.lineage === 'string' ? document.lineage : null,
    serial: typeof document.serial === 'number' ? document.serial : null,
    builds: buildsOf(source, document.builds),
  }
}

type JsonObject = Record<string, Json>

function decode(source: string, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < 4 || buffer.readUInt32LE() !== ZSTD_MAGIC) return buffer.toString()
  try {
    return zstdDecompressSync(buffer).toString()
  } catch (error) {
    throw refuse('IMPORT_TRUNCATED', `${source} is compressed, but not to its end: ${messageOf(error)}`)
  }
}

function parse(source: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const nul = text.indexOf('\0')
    if (nul >= 0) throw refuse('IMPORT_NUL_BYTES', `${source} has NUL bytes from byte ${nul} on`)
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

function buildsOf(source: string, builds: Json | undefined): Build[] {
  if (builds === undefined || builds === null) return []
  if (typeof builds !== 'object') throw refuse('IMPORT_NOT_A_STATE', `"builds" in ${source} is no object and no list`)
  const entries: [string, Json][] = Array.isArray(builds) ? builds.map((build) => ['', build]) : Object.entries(builds)
  return entries.map(([key, value]) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return buildOf(key, value as JsonObject)
    throw refuse('IMPORT_NOT_A_STATE', `the build ${JSON.stringify(key)} in ${source} is no object`)
  })
}

const KNOWN_FIELDS = ['templateHash', 'instance', 'error', 'createdAt', 'startedAt', 'endedAt']

const READ_FIELDS = [...KNOWN_FIELDS, 'name', 'type', 'source', 'status', 'provisioners', 'artifacts', 'metadata']

/** What is missing gets its default; what only the other builder knows goes into the metadata. */
function buildOf(key: string, value: JsonObject): Build {
  const fields = camelKeys(value)
  const { name, type, source, status, provisioners, artifacts, metadata } = fields
  const taken = Object.entries(fields).filter(([field]) => KNOWN_FIELDS.includes(field))
  const unknown = Object.entries(value).filter(([field]) => !READ_FIELDS.includes(camelCase(field)))
  const known = {
    ...Object.fromEntries(taken),
    name: textOf(name) || key,
    source: textOf(source) || textOf(type),
    status: BUILD_STATUSES.find((candidate) => candidate === status) ?? 'pending',
    provisioners: list(provisioners).map(provisionerOf),
    artifacts: list(artifacts).map(artifactOf),
    metadata: { ...(typeof metadata === 'object' ? (metadata as JsonObject) : {}), ...Object.fromEntries(unknown) },
  }
  // What the file says is unproven until createBuild has looked at it.
  return createBuild(known as unknown as Build)
}

function provisionerOf(given: JsonObject): JsonObject {
  const defaults = { error: null, startedAt: null, endedAt: null, status: 'pending' }
  return { ...defaults, ...given, name: textOf(given.name) || textOf(given.type) }
}

function artifactOf({ size, ...given }: JsonObject): JsonObject {
  return { path: '', sha256: '', url: null, sizeBytes: Number(size ?? 0), ...given }
}

function list(value: Json | undefined): JsonObject[] {
  const items = Array.isArray(value) ? (value as readonly Json[]) : []
  return items.filter((item) => typeof item === 'object' && item !== null).map((item) => camelKeys(item as JsonObject))
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function camelKeys(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [camelCase(key), value]))
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function refuse(code: ErrorCode, message: string): HoldfastError {
  return new HoldfastError(code, message, {
    hint: 'Nothing was changed. Give a whole state file, as state export writes it.',
  })
}
