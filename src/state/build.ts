/** What a state is made of: builds, their provisioners and artifacts. Values only; how they are kept is not told here. */
import { z } from 'zod'
import { HoldfastError } from '../base/index.ts'
import { deepFreeze, jsonProblem, type Json } from './json.ts'

export const BUILD_STATUSES = ['pending', 'creating', 'provisioning', 'complete', 'failed', 'interrupted'] as const
export const PROVISIONER_STATUSES = ['pending', 'running', 'complete', 'failed', 'skipped'] as const

export type BuildStatus = (typeof BUILD_STATUSES)[number]
export type ProvisionerStatus = (typeof PROVISIONER_STATUSES)[number]

/** How deep a build's metadata and instance may be nested. Far below what JSON.parse and JSON.stringify can take. */
export const MAX_NESTING = 200
const MAX_NAME_LENGTH = 512

/** ISO 8601 in UTC, as `Date.prototype.toISOString` writes it. */
const time = z.string()

const json = z.custom<Json>((value) => jsonProblem(value, MAX_NESTING) === null, { error: 'is not a JSON value' })

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

const buildSchema = z.object({
  /** Its key in the state: 1 to 512 characters of well-formed Unicode, any but NUL. */
  name: z
    .string()
    .min(1)
    .max(MAX_NAME_LENGTH)
    .refine((name) => !name.includes('\0') && name.isWellFormed(), { error: 'has NUL or half of a surrogate pair' }),
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
  metadata: z.custom<{ readonly [key: string]: Json }>(isJsonObject, { error: 'is not a JSON object' }),
})

export type Provisioner = Readonly<z.infer<typeof provisionerSchema>>
export type Artifact = Readonly<z.infer<typeof artifactSchema>>
/** One build, frozen to its depths. To change it make another: `{ ...build, status: 'complete' }`. */
export interface Build extends Readonly<Omit<z.infer<typeof buildSchema>, 'provisioners' | 'artifacts'>> {
  readonly provisioners: readonly Provisioner[]
  readonly artifacts: readonly Artifact[]
}

/**
 * Builds that were parsed once and, being frozen, stay what they are; each with its JSON text until somebody takes that.
 * The text is made before they are frozen: V8 takes three times as long for frozen arrays.
 */
const proven = new WeakMap<object, string | null>()

/** A build from its name and source and whatever else is known; the rest as in a build that has not begun. */
export function createBuild(known: Pick<Build, 'name' | 'source'> & Partial<Build>): Build {
  return parseBuild({
    status: 'pending',
    templateHash: null,
    instance: null,
    provisioners: [],
    artifacts: [],
    error: null,
    createdAt: new Date().toISOString(),
    startedAt: null,
    endedAt: null,
    metadata: {},
    ...known,
  })
}

/**
 * The value as a frozen build. Fields that a build does not have are dropped.
 * @throws INVALID_BUILD, naming the field; NESTING_TOO_DEEP.
 */
export function parseBuild(value: unknown): Build {
  if (typeof value === 'object' && value !== null && proven.has(value)) return value as Build
  const result = buildSchema.safeParse(value)
  if (result.success) {
    proven.set(result.data, JSON.stringify(result.data))
    return deepFreeze(result.data)
  }
  const { name = '?', metadata, instance } = typeof value === 'object' && value ? (value as Partial<Build>) : {}
  const isTooDeep = [metadata, instance].some((part) => jsonProblem(part, MAX_NESTING) === 'too deep')
  if (isTooDeep) {
    throw new HoldfastError('NESTING_TOO_DEEP', `the build ${name} has data nested deeper than ${MAX_NESTING} levels`, {
      hint: 'Keep such data in a file and put its path or its text into the metadata.',
      details: { limit: MAX_NESTING },
    })
  }
  const issues = result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
  const [first] = issues
  throw new HoldfastError('INVALID_BUILD', `the build ${name} is not valid: ${first?.path}: ${first?.message}`, {
    details: { issues },
  })
}

/** The JSON text of a build, to be stored. */
export function takeText(build: Build): string {
  const text = proven.get(build)
  if (text == null) return JSON.stringify(build)
  proven.set(build, null)
  return text
}

function isJsonObject(value: unknown): boolean {
  return (
    typeof value === 'object' && !Array.isArray(value) && value !== null && jsonProblem(value, MAX_NESTING) === null
  )
}
