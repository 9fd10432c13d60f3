/**
 * What a state is made of: builds, their provisioners and artifacts. Values only; how they are kept is not told here.
 */
import { z } from 'zod'
import { jsonProblem, type Json } from './json.ts'

export const BUILD_STATUSES = ['pending', 'creating', 'provisioning', 'complete', 'failed', 'interrupted'] as const
export const PROVISIONER_STATUSES = ['pending', 'running', 'complete', 'failed', 'skipped'] as const

export type BuildStatus = (typeof BUILD_STATUSES)[number]
export type ProvisionerStatus = (typeof PROVISIONER_STATUSES)[number]

/** How deep a build's metadata and instance may be nested. Far below what JSON.parse and JSON.stringify can take. */
export const MAX_NESTING = 200
const MAX_NAME_LENGTH = 512

/** One step of a build. */
export interface Provisioner {
  readonly name: string
  readonly status: ProvisionerStatus
  readonly error: string | null
  /** ISO 8601 in UTC, as `Date.prototype.toISOString` writes it; so are all times here. */
  readonly startedAt: string | null
  readonly endedAt: string | null
  /** Of its last run, when it ran a program that told one. */
  readonly exitStatus?: number
  /** The end of what its last run printed, at most a few kB. */
  readonly output?: string
  /** How often it was started; absent before the first time. */
  readonly attempts?: number
}

export interface Artifact {
  readonly path: string
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Where it was published, or null. */
  readonly url: string | null
  /** What made it, in the builder's terms: `transcend.qemu`. */
  readonly type?: string
}

/** One build, frozen to its depths. To change it make another: `{ ...build, status: 'complete' }`. */
export interface Build {
  /** Its key in the state: 1 to 512 characters of well-formed Unicode, any but NUL. */
  readonly name: string
  /** The built thing, in the builder's terms: `amazon-ebs.ubuntu`. */
  readonly source: string
  readonly status: BuildStatus
  /** Fingerprint of the template and all that it refers to, or null before it is known. */
  readonly templateHash: string | null
  /** The machine that is being built on, in the builder's own terms; any JSON. */
  readonly instance: Json
  readonly provisioners: readonly Provisioner[]
  readonly artifacts: readonly Artifact[]
  readonly error: string | null
  readonly createdAt: string
  readonly startedAt: string | null
  readonly endedAt: string | null
  /** The user's own; any JSON object. */
  readonly metadata: { readonly [key: string]: Json }
}

const time = z.string()

const json = z.custom<Json>(isJson, { error: 'is not a JSON value' })

const provisionerSchema = z.object({
  name: z.string(),
  status: z.enum(PROVISIONER_STATUSES),
  error: z.string().nullable(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  exitStatus: z.number().int().exactOptional(),
  output: z.string().exactOptional(),
  attempts: z.number().int().min(0).exactOptional(),
})

const artifactSchema = z.object({
  path: z.string(),
  sizeBytes: z.number().int().min(0),
  sha256: z.string(),
  url: z.string().nullable(),
  type: z.string().exactOptional(),
})

export const buildSchema = z.object({
  name: z
    .string()
    .refine(isBuildName, { error: `is not 1 to ${MAX_NAME_LENGTH} characters without NUL or half a surrogate pair` }),
  source: z.string(),
  status: z.enum(BUILD_STATUSES),
  templateHash: z.string().nullable(),
  instance: json,
  provisioners: z.array(provisionerSchema),
  artifacts: z.array(artifactSchema),
  error: z.string().nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  metadata: z.custom<Build['metadata']>(isJsonObject, {
    error: 'is not a JSON object, or has a number in it that is too big',
  }),
}) satisfies z.ZodType<Build>

export function isBuildName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_LENGTH && !text.includes('\0') && text.isWellFormed()
}

export function isJson(value: unknown): value is Json {
  return jsonProblem(value, MAX_NESTING) === null
}

export function isJsonObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value)
}
