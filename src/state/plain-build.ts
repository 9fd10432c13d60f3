/**
 * The quick way to a checked build. Zod makes an object for each field that it looks at, most of what it costs to put
 * thousands of builds in; it keeps the last word on all that is not plainly right here, and says what is wrong.
 */
import {
  BUILD_STATUSES,
  isBuildName,
  isJson,
  isJsonObject,
  PROVISIONER_STATUSES,
  type Artifact,
  type Build,
  type BuildStatus,
  type Provisioner,
  type ProvisionerStatus,
} from './build.ts'

type Writable<T> = { -readonly [Field in keyof T]: T[Field] }

const buildStatuses: ReadonlySet<unknown> = new Set(BUILD_STATUSES)
const provisionerStatuses: ReadonlySet<unknown> = new Set(PROVISIONER_STATUSES)

/** A copy of a value that has exactly the fields of a build, each of its type; else null. */
export function copyOfPlainBuild(value: unknown): Build | null {
  if (!isObject(value)) return null
  const { name, source, status, templateHash, instance, error, createdAt, startedAt, endedAt, metadata } = value
  if (!isString(name) || !isBuildName(name) || !isString(source) || !isBuildStatus(status)) return null
  if (
    !isStringOrNull(templateHash) ||
    !isStringOrNull(error) ||
    !isString(createdAt) ||
    !isStringOrNull(startedAt) ||
    !isStringOrNull(endedAt)
  )
    return null
  if (!isJson(instance) || !isJsonObject(metadata)) return null
  const provisioners = copyOfEach(value.provisioners, copyOfProvisioner)
  const artifacts = copyOfEach(value.artifacts, copyOfArtifact)
  if (!provisioners || !artifacts) return null
  const done = { provisioners, artifacts, error, createdAt, startedAt, endedAt, metadata }
  return onlyThese(value, { name, source, status, templateHash, instance, ...done })
}

function copyOfProvisioner(value: unknown): Provisioner | null {
  if (!isObject(value)) return null
  const { name, status, error, startedAt, endedAt, exitStatus, output, attempts } = value
  if (!isString(name) || !isProvisionerStatus(status)) return null
  if (!isStringOrNull(error) || !isStringOrNull(startedAt) || !isStringOrNull(endedAt)) return null
  const copy: Writable<Provisioner> = { name, status, error, startedAt, endedAt }
  if (isInteger(exitStatus)) copy.exitStatus = exitStatus
  if (isString(output)) copy.output = output
  if (isCount(attempts)) copy.attempts = attempts
  return onlyThese(value, copy)
}

function copyOfArtifact(value: unknown): Artifact | null {
  if (!isObject(value)) return null
  const { path, sizeBytes, sha256, url, type } = value
  if (!isString(path) || !isCount(sizeBytes) || !isString(sha256) || !isStringOrNull(url)) return null
  const copy: Writable<Artifact> = { path, sizeBytes, sha256, url }
  if (isString(type)) copy.type = type
  return onlyThese(value, copy)
}

function copyOfEach<T>(values: unknown, copyOf: (value: unknown) => T | null): T[] | null {
  if (!Array.isArray(values)) return null
  const copies: T[] = []
  for (const value of values) {
    const copy = copyOf(value)
    if (!copy) return null
    copies.push(copy)
  }
  return copies
}

/** The copy, or null when the value has more fields: others, or optional ones that are not as they should be. */
function onlyThese<T extends object>(value: object, copy: T): T | null {
  return Object.keys(value).length === Object.keys(copy).length ? copy : null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isStringOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isCount(value: unknown): value is number {
  return isInteger(value) && value >= 0
}

function isBuildStatus(value: unknown): value is BuildStatus {
  return buildStatuses.has(value)
}

function isProvisionerStatus(value: unknown): value is ProvisionerStatus {
  return provisionerStatuses.has(value)
}
