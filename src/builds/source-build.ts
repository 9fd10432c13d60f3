/** The build of one source: finishes what its last run left, plans, runs Packer, tries again what may pass. */
import { createRetry, HoldfastError } from '../base/index.ts'
import type { Build } from '../state/index.ts'
import { DISK_FULL, endLeftovers, followToEnd, noSpace } from './attempt.ts'
import { finishLastRun, type LastRun } from './last-run.ts'
import { distrustChanges } from './late-changes.ts'
import { launch } from './launch.ts'
import { adoptManifests, prepareManifests, withdrawManifests } from './manifest/run-manifests.ts'
import { ownsOutputs } from './outputs.ts'
import { packerCommand, pendingBuild, withProcess } from './pending-build.ts'
import { checkpointSteps, planBuild, whyBuild, type Plan } from './plan.ts'
import { membersOf, type ProcessGroup } from './process-group.ts'
import { metadataOf } from './record.ts'
import { createRunFolder, openRunFolder, processOf, type RunFolder } from './run-folder.ts'
import { templatePath, type SourceTerms } from './source-terms.ts'
import { ended, type Failure } from './steps.ts'
import { tmpdirOf } from './temp-path.ts'
import { deriveTemplate, DerivedFile } from './template/index.ts'
import { transientReason } from './transient.ts'
import { BuildError } from './errors.ts'

const MAX_RETRY_DELAY_MS = 60_000
/** Lines of a step's output that may tell why it failed. */
const TELLING_LINES = 10

/** `up to date`: nothing ran. */
export type SourceResult =
  | { readonly status: 'complete' | 'up to date' }
  | { readonly status: 'failed' | 'interrupted'; readonly error: HoldfastError }

/**
 * Builds the source, if there is anything to build.
 * @throws LOCK_LOST, NO_SPACE, STATE_DAMAGED, BUILD_NOT_RESUMABLE, ...
 */
export async function buildSource(terms: SourceTerms): Promise<SourceResult> {
  const last = await finishLastRun(terms)
  const { template, fingerprint, signals, force } = terms
  if (last.followed) return new SourceBuild(terms, last.build).run('', last.followed)
  const why = await whyBuild(last.build, templatePath(template), fingerprint, signals.kill)
  if (why === null && !force) {
    const run = last.build && metadataOf(last.build)?.run
    if (run) adoptManifests(openRunFolder(run.folder), terms.manifests)
    return { status: 'up to date' }
  }
  return new SourceBuild(terms, last.build).run(why ?? 'it was asked for with --force', null)
}

class SourceBuild {
  readonly #terms: SourceTerms
  /** null: not in the state yet. */
  #recorded: Build | null
  #attempts = 0

  constructor(terms: SourceTerms, recorded: Build | null) {
    this.#terms = terms
    this.#recorded = recorded
  }

  /**
   * Runs Packer until the build is complete or fails for good.
   * @param why What there is to build.
   * @param followed How the first attempt went, when another process had made it.
   */
  async run(why: string, followed: LastRun['followed']): Promise<SourceResult> {
    const { signals, retries, retryDelayMs, recorder, onNote } = this.#terms
    let retry = 0
    const untilDone = createRetry({
      retries,
      initialDelayMs: retryDelayMs,
      maxDelayMs: MAX_RETRY_DELAY_MS,
      isTransient: (error) => isBuildFailure(error) && error.retryable && !signals.stop.aborted,
      onRetry: (error) => {
        retry += 1
        const reason = isBuildFailure(error) ? String(error.details.transient) : ''
        onNote(`retry ${retry} of ${retries}, because ${reason}: ${recorder.build.error}`)
      },
    })
    let first = followed
    const attempt = async () => {
      const reason = retry === 0 ? why : `it is tried again (${retry} of ${retries})`
      const failure = first ? first.failure : await this.#attempt(reason, retry > 0)
      first = null
      if (failure) throw this.#failed(failure)
    }
    try {
      await untilDone(attempt, signals.stop)
      return { status: 'complete' }
    } catch (error) {
      const { status } = recorder.build
      if (!isBuildFailure(error) || (status !== 'failed' && status !== 'interrupted')) throw error
      return { status, error }
    }
  }

  /** @param isRetry What is tried again goes on where it failed, even when it was to start over at first. */
  async #attempt(reason: string, isRetry: boolean): Promise<Failure | null> {
    const { source, fingerprint, template, checkpoints, onNote, recorder, runs, runId, signals } = this.#terms
    signals.stop.throwIfAborted()
    if (isRetry) await this.#replaceLast()
    this.#attempts += 1
    const store = checkpoints[source.builderType] ?? null
    const mode = isRetry ? 'auto' : this.#terms.resume
    const request = { source, fingerprint, mode, force: this.#terms.force, checkpoints: store, reason, onNote }
    const plan = await planBuild(this.#recorded, request)
    if (plan.note !== null) onNote(plan.note)
    const owned = await ownsOutputs(this.#recorded, signals.kill)
    const isForced = this.#terms.force || owned
    const run = createRunFolder(runs, runId, recorder.build.name, this.#attempts)
    const qemu = await store?.prepare(run, checkpointSteps(this.#terms), plan.baseImage)
    const manifests = prepareManifests(run, this.#terms.manifests)
    const files = { eventsFile: run.events, manifestFile: run.manifest, manifests }
    const tmpdir = tmpdirOf(this.#terms.input.env)
    const derived = deriveTemplate(template, source, { from: plan.from, ...files, tmpdir, ...(qemu && { qemu }) })
    // All of this may have taken its time: images are read to see whether they are whole.
    signals.stop.throwIfAborted()
    await using file = await DerivedFile.write(template.folder, derived)
    const group = await this.#begin(plan, run, owned, packerCommand(this.#terms, file.path, derived.varFiles, isForced))
    const { input, onLine } = this.#terms
    const onRead = () => file.remove()
    const toRecord = (build: Build) => distrustChanges(this.#terms, fingerprint, build)
    const watched = { run, group, recorder, signals, workingFolder: input.cwd }
    const failure = await followToEnd({ ...watched, onLine, onRead, toRecord })
    this.#recorded = recorder.build
    if (failure?.status === 'failed' && this.#terms.keepOnFailure) this.#tellWhatIsKept(group)
    return failure
  }

  /** Records the run, and then starts it: never the other way round. */
  async #begin(plan: Plan, run: RunFolder, owned: boolean, command: readonly string[]): Promise<ProcessGroup> {
    const { recorder, input, secrets } = this.#terms
    const pending = pendingBuild(this.#terms, this.#recorded, plan, run, this.#attempts, owned)
    await recorder.commit(pending, { ...pending, status: 'creating' })
    try {
      const group = await launch(run, command, { ...input, secrets })
      await recorder.record(withProcess(recorder.build, group))
      return group
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'PACKER_FAILED') throw error
      const failure: Failure = { status: 'failed', error: error.message, exitStatus: null }
      await recorder.commit(ended(recorder.build, new Date().toISOString(), failure))
      throw error
    }
  }

  /**
   * The next attempt takes the place of what the last one left: in manifests, and to look at, which nothing else
   * would ever end.
   */
  async #replaceLast(): Promise<void> {
    const last = this.#recorded && metadataOf(this.#recorded)
    if (!last) return
    const run = openRunFolder(last.run.folder)
    withdrawManifests(run)
    const group = last.run.isKept ? processOf(run) : null
    if (group) await endLeftovers(run, group)
  }

  #tellWhatIsKept(group: ProcessGroup): void {
    const left = membersOf(group)
    if (left.length === 0) return
    const pids = `${left.length === 1 ? 'pid' : 'pids'} ${left.join(', ')}`
    this.#terms.onNote(`left running for you to look at, until the next build or prune: ${pids}`)
  }

  #failed({ status, error, exitStatus }: Failure): HoldfastError {
    const { build } = this.#terms.recorder
    if (error === DISK_FULL) return noSpace(`${build.name} was ended, because ${error}`)
    const index = build.provisioners.findIndex((step) => step.status === 'failed')
    const step = build.provisioners[index]
    const output = (step?.output ?? '').trimEnd().split('\n').slice(-TELLING_LINES).join('\n')
    const transient = status === 'failed' ? transientReason(exitStatus, error, output) : null
    const what = status === 'failed' ? 'failed' : 'was interrupted'
    const where = step ? ` in step ${index + 1} of ${build.provisioners.length} (${step.name})` : ''
    const log = metadataOf(build)?.run.log ?? null
    const isInTheWay = error.includes('already exists')
    return new BuildError('BUILD_FAILED', `${build.name} ${what}${where}: ${error}`, {
      hint: isInTheWay ? 'Remove it, or overwrite it with --force.' : `Packer's whole output: ${log}`,
      retryable: transient !== null,
      details: { source: build.source, provisioner: step?.name ?? null, exitStatus, output, log, transient },
    })
  }
}

function isBuildFailure(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'BUILD_FAILED'
}
