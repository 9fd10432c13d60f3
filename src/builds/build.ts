/**
 * `holdfast build` as an operation: reads the template, takes the state's lock, builds its sources side by side. What
 * is recorded, and when, stands in steps.ts; how one source is built, in source-build.ts.
 */
import { resolve } from 'node:path'
import { HoldfastError } from '../base/index.ts'
import type { Lock, LockInfo } from '../lock/index.ts'
import { createBuild, type Artifact, type Build, type StateManager } from '../state/index.ts'
import { noSpace, type AttemptSignals } from './attempt.ts'
import { sweepAnswerFolders } from './answer-folder.ts'
import { NO_CHECKPOINT, type Checkpoints } from './checkpoints.ts'
import { GivenSecrets } from './given-secrets.ts'
import { withoutSecrets } from './hiding.ts'
import { invocationOf, withoutSecretValues, type Invocation } from './invocation.ts'
import { areManifestsCurrent, manifestTerms } from './manifest/run-manifests.ts'
import { findPacker, type Packer, type PackerInput } from './packer.ts'
import { whyBuild, type ResumeMode } from './plan.ts'
import { metadataOf, recordName } from './record.ts'
import { Recorder } from './recorder.ts'
import { hashMemoryFile, manifestLock, newRunId, openRunFolder, runsFolder } from './run-folder.ts'
import { requireSameTemplate } from './same-template.ts'
import { readSecrets } from './secrets.ts'
import { buildSource, type SourceResult } from './source-build.ts'
import { templatePath, type OperationTerms } from './source-terms.ts'
import {
  fingerprintSource,
  loadTemplate,
  mentions,
  selectSources,
  sweepDerivedFiles,
  type Fingerprint,
  type FingerprintOptions,
  type LoadedTemplate,
  type TemplateSource,
} from './template/index.ts'
import { validateTemplate } from './validate.ts'
import { BuildError } from './errors.ts'

export interface BuildRequest {
  /** A template's file or folder. */
  readonly template: string
  /** What goes to Packer beside the template. */
  readonly input: PackerInput
  /** As Packer's `-only` and `-except`. */
  readonly only: readonly string[]
  readonly except: readonly string[]
  /** Builds what is up to date too, and tells Packer to overwrite what is there. */
  readonly force: boolean
  readonly resume: ResumeMode
  /** Leaves the machine of a failed build running. */
  readonly keepOnFailure: boolean
  /** Further tries after a transient failure. */
  readonly retries: number
  /** Upper bound of the wait before the first of them, ms; doubled for each further one. */
  readonly retryDelayMs: number
  /** How long to wait for the state's lock, ms. 0: not at all. */
  readonly lockTimeoutMs: number
  readonly checkpoints: Checkpoints
  /** Uploads artifacts and says where they are; absent: nothing is published. */
  readonly publish?: (artifacts: readonly Artifact[]) => Promise<readonly { path: string; url: string }[]>
  /** Whether the artifact is where `publish` would put it. */
  readonly isPublished?: (artifact: Artifact) => boolean
  /** Asks Packer to stop and clean up. */
  readonly stop: AbortSignal
  /** Kills Packer. */
  readonly kill: AbortSignal
}

/** What happens, as it happens. `name` is the build's in the state. */
export interface BuildListener {
  /** The builds to be made, before the first of them begins. */
  begin(names: readonly string[]): void
  /** Something that a person wants to know: why it builds, that it is tried again. null: of all. */
  note(name: string | null, text: string): void
  /** The record was saved. */
  saved(build: Build): void
  /** A line of Packer's own. */
  line(name: string, text: string): void
  waiting(holder: LockInfo): void
  ended(outcome: SourceOutcome): void
}

export interface SourceOutcome {
  /** The build's name in the state. */
  readonly name: string
  readonly status: SourceResult['status']
  readonly build: Build
  /** Why it failed or was interrupted; or why a complete build could not be published. */
  readonly error?: HoldfastError
}

interface Wanted {
  readonly source: TemplateSource
  readonly name: string
  readonly fingerprint: Fingerprint
  readonly refingerprint: () => Promise<Fingerprint>
}

/**
 * Builds the sources of a template that are not up to date.
 * @returns an outcome for each, in the template's order.
 * @throws PACKER_MISSING, TEMPLATE_INVALID, BUILD_NAME_TAKEN, ... before anything is recorded; LOCK_HELD,
 * LOCK_TIMEOUT; LOCK_LOST with Packer ended; BUILD_NOT_RESUMABLE. A build that fails is an outcome, not an error.
 */
export async function buildTemplate(
  manager: StateManager,
  dataFolder: string,
  request: BuildRequest,
  listener: BuildListener,
): Promise<SourceOutcome[]> {
  sweepAnswerFolders(request.input.env)
  const packer = await findPacker(request.input)
  const template = await loadTemplate(request.template)
  const input = { ...request.input, readsTmpdir: mentions(template, 'TMPDIR') }
  await using given = await GivenSecrets.of(template, input, dataFolder)
  try {
    const hidden = { ...request, input: given.input }
    const invocation = invocationOf(request, given.isSensitive, resolve(dataFolder))
    return await buildLoaded(manager, dataFolder, { packer, template, request: hidden, invocation, listener })
  } catch (error) {
    const isFull = error instanceof HoldfastError && error.code === 'NO_SPACE'
    throw withoutSecrets(isFull ? noSpace(error.message, error) : error, given.texts)
  }
}

async function buildLoaded(
  manager: StateManager,
  dataFolder: string,
  { packer, template, request, invocation, listener }: Omit<Operation, 'manager' | 'lock' | 'dataFolder' | 'secrets'>,
): Promise<SourceOutcome[]> {
  const sources = selectSources(template, request)
  const { except } = request
  const options = { packer, ...request.input, hashMemoryFile: hashMemoryFile(dataFolder), except }
  const wanted = await Promise.all(sources.map((source) => want(template, source, options))).catch(async (error) => {
    // Of a template that Packer rejects it evaluates nothing: then its own words are what matters.
    if (isWithoutValue(error)) await validateTemplate(packer, template, request)
    throw error
  })
  const names = wanted.map(({ name }) => name)
  await requireSameTemplate(manager, templatePath(template), names)
  listener.begin(names)
  const upToDate = await allUpToDate(manager, template, wanted, request)
  if (upToDate) {
    for (const outcome of upToDate) listener.ended(outcome)
    // A kill after the last record, and before the template's removal, leaves one behind.
    await sweepDerivedFiles(template.folder)
    return upToDate
  }
  await validateTemplate(packer, template, request)
  const secrets = await readSecrets(template, options)
  const lock = await takeLock(manager, template, request, listener)
  try {
    // Whoever had the lock may have recorded its first build.
    await requireSameTemplate(manager, templatePath(template), names)
    const operation = { manager, lock, dataFolder, packer, template, secrets, request, invocation, listener }
    const outcomes = await buildAll(operation, wanted)
    await sweepDerivedFiles(template.folder)
    return outcomes
  } finally {
    await letGo(lock)
  }
}

function isWithoutValue(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'TEMPLATE_INVALID' && 'variable' in error.details
}

async function want(template: LoadedTemplate, source: TemplateSource, options: FingerprintOptions): Promise<Wanted> {
  const refingerprint = () => fingerprintSource(template, source, options)
  return {
    source,
    name: recordName(template.name, source.fullName),
    fingerprint: await refingerprint(),
    refingerprint,
  }
}

/** The outcomes when there is nothing to do at all, which then needs no lock; otherwise null. */
async function allUpToDate(
  manager: StateManager,
  template: LoadedTemplate,
  wanted: readonly Wanted[],
  { force, kill, isPublished = () => true }: BuildRequest,
): Promise<SourceOutcome[] | null> {
  if (force) return null
  const outcomes: SourceOutcome[] = []
  for (const { name, fingerprint } of wanted) {
    const build = await manager.get(name)
    const why = await whyBuild(build, templatePath(template), fingerprint, kill)
    if (!build || why !== null || !build.artifacts.every(isPublished) || !isInManifests(build)) return null
    outcomes.push({ name, status: 'up to date', build })
  }
  return outcomes
}

/** Whether the user's manifests tell of it as of a build of their newest run. */
function isInManifests(build: Build): boolean {
  const run = metadataOf(build)?.run
  return run === undefined || areManifestsCurrent(openRunFolder(run.folder))
}

async function takeLock(
  manager: StateManager,
  template: LoadedTemplate,
  { lockTimeoutMs, stop }: BuildRequest,
  listener: BuildListener,
): Promise<Lock> {
  try {
    const lock = await manager.lock({
      operation: 'build',
      info: templatePath(template),
      waitMs: lockTimeoutMs,
      signal: stop,
      onWait: (holder) => listener.waiting(holder),
    })
    if (lock.abandonedBy) listener.note(null, `${lock.abandonedBy.who} held the lock before and never released it`)
    return lock
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'LOCK_HELD') throw error
    throw new BuildError('LOCK_HELD', error.message, {
      retryable: true,
      cause: error,
      details: error.details,
      hint: `${error.hint ?? ''}\nTo stand in line for it: --lock-timeout 10m`.trim(),
    })
  }
}

interface Operation {
  readonly manager: StateManager
  readonly lock: Lock
  readonly dataFolder: string
  readonly packer: Packer
  readonly template: LoadedTemplate
  readonly secrets: readonly string[]
  readonly request: BuildRequest
  readonly invocation: Invocation
  readonly listener: BuildListener
}

async function buildAll(operation: Operation, wanted: readonly Wanted[]): Promise<SourceOutcome[]> {
  const { manager, lock, dataFolder, packer, template, secrets, request, invocation } = operation
  const signals: AttemptSignals = { stop: request.stop, kill: request.kill, lost: lock.signal }
  const terms: OperationTerms = {
    ...request,
    packer,
    template,
    secrets,
    invocation: withoutSecretValues(invocation, secrets),
    signals,
    runs: runsFolder(dataFolder, manager.name),
    runId: newRunId(new Date()),
    manifests: manifestTerms(request.force, packer, template, manifestLock(dataFolder)),
  }
  const settled = await Promise.allSettled(wanted.map((one) => buildOne(operation, terms, one)))
  const outcomes: SourceOutcome[] = []
  for (const result of settled) {
    // All have ended by now: none goes on without us because another one threw.
    if (result.status === 'rejected') throw result.reason
    outcomes.push(result.value)
  }
  return outcomes
}

async function buildOne(
  operation: Operation,
  terms: OperationTerms,
  { source, name, fingerprint, refingerprint }: Wanted,
): Promise<SourceOutcome> {
  const { manager, lock, listener } = operation
  const recorded = await manager.get(name)
  const first = recorded ?? createBuild({ name, source: source.fullName })
  const onNote = (text: string) => listener.note(name, text)
  const recorder = new Recorder(
    {
      manager,
      lock,
      onSaved: (build) => listener.saved(build),
      onTrouble: (error) => onNote(`its record cannot be saved for now, Packer goes on: ${error.message}`),
    },
    first,
  )
  const onLine = (text: string) => {
    const missing = NO_CHECKPOINT.exec(text)?.[0]
    if (missing === undefined) listener.line(name, text)
    else onNote(missing)
  }
  const result = await buildSource({ ...terms, source, fingerprint, refingerprint, recorder, recorded, onNote, onLine })
  const outcome = await publish(operation, recorder, { name, build: recorder.build, ...result })
  listener.ended(outcome)
  return outcome
}

/** Publishes what is not yet there. A failure leaves the build complete. */
async function publish(
  { request, listener }: Operation,
  recorder: Recorder,
  outcome: SourceOutcome,
): Promise<SourceOutcome> {
  const { publish: upload, isPublished = () => false } = request
  const { build } = recorder
  const missing = build.artifacts.filter((artifact) => !isPublished(artifact))
  if (!upload || build.status !== 'complete' || missing.length === 0) return outcome
  listener.note(build.name, `publishing ${missing.length} ${missing.length === 1 ? 'artifact' : 'artifacts'}`)
  try {
    const published = new Map((await upload(missing)).map(({ path, url }) => [path, url]))
    const artifacts = build.artifacts.map((artifact) => ({
      ...artifact,
      url: published.get(artifact.path) ?? artifact.url,
    }))
    await recorder.commit({ ...build, artifacts })
    return { ...outcome, build: recorder.build }
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === 'LOCK_LOST') throw error
    return { ...outcome, error }
  }
}

/** The code that noticed the loss of a lock has reported it. */
async function letGo(lock: Lock): Promise<void> {
  if (!lock.signal.aborted) await lock.release()
}
