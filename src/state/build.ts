/** What a state is made of: builds, their provisioners and artifacts. Values only; how they are kept is not told here. */
import { z } from 'zod'
import { jsonProblem, type Json } from './json.ts'

export const BUILD_STATUSES = ['pending', 'creating', 'provisioning', 'complete', 'failed', 'interrupted'] as const
export const PROVISIONER_STATUSES = ['pending', 'running', 'complete', 'failed', 'skipped'] as const

export type BuildStatus = (typeof BUILD_STATUSES)[number]
export type ProvisionerStatus = (typeof PROVISIONER_STATUSES)[number]

/** How deep a build's metadata and instance may be nested. Far below what JSON.parse and JSON.stringify can take. */
export const MAX_NESTING = 200
const MAX_NAME_LENGTH = 512

/** ISO 8601 in UTC, as `Date.prototype.toISOString` writes it. */
const time = z.string()

const json = z.custom<Json>(isJson, { error: 'is not a JSON value' })

const provisionerSchema = z.object({
  name: z.string(),
  status: z.enum(PROVISIONER_STATUSES),
  error: z.string().nullable(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  /** Of its last run, when it ran a program that told one. */
  exitStatus: z.number().int().exactOptional(),
  /** The end of what its last run printed, at most a few kB. */
  output: z.string().exactOptional(),
  /** How often it was started; absent before the first time. */
  attempts: z.number().int().min(0).exactOptional(),
})

const artifactSchema = z.object({
  path: z.string(),
  sizeBytes: z.number().int().min(0),
  /** Lower-case hex. */
  sha256: z.string(),
  /** Where it was published, or null. */
  url: z.string().nullable(),
  /** What made it, in the builder's terms: `transcend.qemu`. */
  type: z.string().exactOptional(),
})

export const buildSchema = z.object({
  /** Its key in the state: 1 to 512 characters of well-formed Unicode, any but NUL. */
  name: z
    .string()
    .refine(isBuildName, { error: `is not 1 to ${MAX_NAME_LENGTH} characters without NUL or half a surrogate pair` }),
  /** What is built, in the builder's terms: `amazon-ebs.ubuntu`. */
  source: z.string(),
  status: z.enum(BUILD_STATUSES),
  /** Fingerprint of the template and all that it refers to, or null before it is known. */
  templateHash: z.string().nullable(),
  /** The machine that is being built on, in the builder's own terms; any JSON. */
  instance: json,
  provisioners: z.array(provisionerSchema),
  artifacts: z.array(artifactSchema),
  error: z.string().nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  /** The user's own; any JSON object. */
  metadata: z.custom<{ readonly [key: string]: Json }>(isJsonObject, {
    error: 'is not a JSON object, or has a number in it that is too big',
  }),
})

export type Provisioner = Readonly<z.infer<typeof provisionerSchema>>
export type Artifact = Readonly<z.infer<typeof artifactSchema>>
/** One build, frozen to its depths. To change it make another: `{ ...build, status: 'complete' }`. */
export interface Build extends Readonly<Omit<z.infer<typeof buildSchema>, 'provisioners' | 'artifacts'>> {
  readonly provisioners: readonly Provisioner[]
  readonly artifacts: readonly Artifact[]
}

export function isBuildName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_LENGTH && !text.includes('\0') && text.isWellFormed()
}

export function isJson(value: unknown): value is Json {
  return jsonProblem(value, MAX_NESTING) === null
}

export function isJsonObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value)
}
