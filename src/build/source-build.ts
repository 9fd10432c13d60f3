/** The build of one source: finishes what its last run left, plans, runs Packer, tries again what may pass. */
import { resolve } from 'node:path'
import { createGuard, HoldfastError } from '../base/index.ts'
import { createBuild, type Build } from '../state/index.ts'
import { CLEANUP_GRACE_MS, endLeftovers, followToEnd, type AttemptSignals } from './attempt.ts'
import type { Checkpoints } from './checkpoints.ts'
import { launch } from './launch.ts'
import { ownsOutputs } from './outputs.ts'
import type { Packer, PackerInput } from './packer.ts'
import { planBuild, whyBuild, type Plan, type ResumeMode } from './plan.ts'
import { endGroup, isAlive, type ProcessGroup } from './process-group.ts'
import { metadataOf, type BuildMetadata } from './record.ts'
import type { Recorder } from './recorder.ts'
import { createRunFolder, openRunFolder, processOf, type RunFolder } from './run-folder.ts'
import { ended, type Failure } from './steps.ts'
import {
  deriveTemplate,
  DerivedFile,
  type Fingerprint,
  type LoadedTemplate,
  type TemplateSource,
} from './template/index.ts'
import { transientReason } from './transient.ts'

const MAX_RETRY_DELAY_MS = 60_000
/** Lines of a step's output that may tell why it failed. */
const TELLING_LINES = 10

/** What is the same for all sources of one `holdfast build`. */
export interface OperationTerms {
  readonly packer: Packer
  readonly template: LoadedTemplate
  readonly input: PackerInput
  /** `<data>/builds/<state>`. */
  readonly runs: string
  readonly runId: string
  readonly resume: ResumeMode
  readonly force: boolean
  readonly keepOnFailure: boolean
  /** Passed on to Packer, which skips post-processors by it. */
  readonly except: readonly string[]
  readonly retries: number
  readonly retryDelayMs: number
  readonly checkpoints: Checkpoints
  readonly signals: AttemptSignals
}

export interface SourceTerms extends OperationTerms {
  readonly source: TemplateSource
  readonly fingerprint: Fingerprint
  readonly recorder: Recorder
  /** As it is in the state, or null when it is not there. */
  readonly recorded: Build | null
  readonly onNote: (text: string) => void
  readonly onLine: (text: string) => void
}

/** `up to date`: nothing ran. */
export type SourceResult =
  | { readonly status: 'complete' | 'up to date' }
  | { readonly status: 'failed' | 'interrupted'; readonly error: HoldfastError }

/** Builds the source, if there is anything to build. @throws LOCK_LOST, NO_SPACE, STATE_DAMAGED, BUILD_NOT_RESUMABLE, ... */
export async function buildSource(terms: SourceTerms): Promise<SourceResult> {
  const build = new SourceBuild(terms)
  const followed = await build.finishLastRun()
  return build.run(followed)
}

class SourceBuild {
  readonly #terms: SourceTerms
  /** null: not in the state yet. */
  #recorded: Build | null
  #attempts = 0

  constructor(terms: SourceTerms) {
    this.#terms = terms
    this.#recorded = terms.recorded
  }

  /**
   * Brings the record in step with the run that it tells of, whoever started it.
   * @returns how it went when it was followed, because it still ran and builds what is to be built; otherwise null.
   */
  async finishLastRun(): Promise<{ failure: Failure | null } | null> {
    const build = this.#recorded
    const last = build && metadataOf(build)
    if (!build) return null
    const group = last && processOf(openRunFolder(last.run.folder))
    if (build.status === 'complete') return null
    if (build.status === 'failed' || build.status === 'interrupted') {
      const left = group && last.run.isKept ? await endLeftovers(group) : 0
      if (left > 0) this.#terms.onNote(`ended what its last build had left running (${left} processes)`)
      return null
    }
    if (!group) return this.#recordNeverBegan(build)
    return this.#finish(last, group)
  }

  /** Runs Packer until the build is complete or fails for good. @param followed A run that has just ended. */
  async run(followed: { failure: Failure | null } | null): Promise<SourceResult> {
    const { force, template, fingerprint, signals, retries, retryDelayMs, recorder, onNote } = this.#terms
    const why = followed ? null : await whyBuild(this.#recorded, templatePath(template), fingerprint, signals.kill)
    if (!followed && why === null && !force) return { status: 'up to date' }
    const guard = createGuard({
      subject: recorder.build.name,
      retries,
      initialDelayMs: retryDelayMs,
      maxDelayMs: MAX_RETRY_DELAY_MS,
      breakAfter: Infinity,
      isTransient: (error) => isRetryable(error) && !signals.stop.aborted,
      onRetry: (error) => onNote(`retry ${this.#attempts} of ${retries}: ${retryReason(error)}`),
    })
    let outcome = followed
    const attempt = async () => {
      const { failure } = outcome ?? { failure: await this.#attempt(why ?? 'it was asked for with --force') }
      outcome = null
      if (failure) throw this.#failed(failure)
    }
    try {
      await guard.run(attempt, signals.stop)
      return { status: 'complete' }
    } catch (error) {
      const { status } = recorder.build
      if (
        error instanceof HoldfastError &&
        error.code === 'BUILD_FAILED' &&
        (status === 'failed' || status === 'interrupted')
      ) {
        return { status, error }
      }
      throw error
    }
  }

  async #recordNeverBegan(build: Build): Promise<null> {
    const failure: Failure = {
      status: 'interrupted',
      error: 'its Holdfast ended before Packer began',
      exitStatus: null,
    }
    await this.#terms.recorder.commit(ended(build, new Date().toISOString(), failure))
    this.#recorded = this.#terms.recorder.build
    return null
  }

  async #finish(last: BuildMetadata, group: ProcessGroup): Promise<{ failure: Failure | null } | null> {
    const { fingerprint, onNote, recorder } = this.#terms
    const wasAlive = isAlive(group)
    const isWanted = last.fingerprint.final === fingerprint.final
    const who = `(started ${last.run.startedAt}, pid ${group.pid})`
    if (wasAlive && isWanted) onNote(`is still running without its Holdfast ${who}; following it`)
    if (wasAlive && !isWanted) {
      onNote(`is still running without its Holdfast ${who}, but its template has changed; ending it`)
      await endGroup(group, CLEANUP_GRACE_MS)
    }
    const failure = await this.#follow(openRunFolder(last.run.folder), group, async () => {})
    this.#recorded = recorder.build
    if (!wasAlive) onNote(`its last run ended without its Holdfast: ${recorder.build.status}`)
    return wasAlive && isWanted ? { failure } : null
  }

  #follow(run: RunFolder, group: ProcessGroup, onRead: () => Promise<void>): Promise<Failure | null> {
    const { recorder, signals, input, onLine } = this.#terms
    return followToEnd({ run, group, recorder, signals, workingFolder: input.cwd, onLine, onRead })
  }

  async #attempt(reason: string): Promise<Failure | null> {
    const { source, fingerprint, resume, checkpoints, onNote, recorder, runs, runId, signals } = this.#terms
    signals.stop.throwIfAborted()
    this.#attempts += 1
    const store = checkpoints[source.builderType] ?? null
    // What is tried again goes on where it failed, whatever was asked for at first.
    const mode = this.#attempts > 1 ? 'auto' : resume
    const plan = await planBuild(this.#recorded, {
      source,
      fingerprint,
      mode,
      checkpoints: store,
      reason: this.#attempts > 1 ? 'it is tried again' : reason,
    })
    if (plan.note !== null) onNote(plan.note)
    const run = createRunFolder(runs, runId, recorder.build.name, this.#attempts)
    const isForced = this.#terms.force || (await ownsOutputs(this.#recorded, signals.kill))
    const qemu = store?.deriveOptions(run, fingerprint.steps, plan.baseImage)
    const derived = deriveTemplate(this.#terms.template, source.fullName, {
      from: plan.from,
      eventsFile: run.events,
      manifestFile: run.manifest,
      ...(qemu && { qemu }),
    })
    await using file = await DerivedFile.write(this.#terms.template.folder, derived)
    const pending = this.#pendingBuild(plan, run)
    await recorder.commit(pending, { ...pending, status: 'creating' })
    const group = await this.#launch(run, this.#command(file.path, derived.varFiles, isForced))
    const failure = await this.#follow(run, group, () => file.remove())
    this.#recorded = recorder.build
    return failure
  }

  async #launch(run: RunFolder, command: readonly string[]): Promise<ProcessGroup> {
    const { recorder, input } = this.#terms
    try {
      const group = await launch(run, command, input)
      await recorder.record(withProcess(recorder.build, group))
      return group
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'PACKER_FAILED') throw error
      const failure: Failure = { status: 'failed', error: error.message, exitStatus: null }
      await recorder.commit(ended(recorder.build, new Date().toISOString(), failure))
      throw error
    }
  }

  #pendingBuild({ from, note, steps }: Plan, run: RunFolder): Build {
    const { packer, template, source, fingerprint, recorder, runId, keepOnFailure } = this.#terms
    const { base, steps: hashes, final } = fingerprint
    const now = new Date().toISOString()
    const before = this.#recorded
    const earlier = before && metadataOf(before)
    const isResumed = from > 0 && before !== null && before.status !== 'complete'
    const metadata: BuildMetadata = {
      template: templatePath(template),
      packer: packer.version,
      fingerprint: { base, steps: [...hashes], final },
      run: {
        id: runId,
        folder: run.path,
        log: run.log,
        pid: null,
        pidStartedAt: null,
        startedAt: now,
        from,
        attempt: this.#attempts,
        isKept: keepOnFailure,
      },
      artifactTimes: { ...earlier?.artifactTimes },
      replaces: before?.status === 'complete' ? [...before.artifacts] : [...(earlier?.replaces ?? [])],
      ...(note !== null && { note }),
    }
    return createBuild({
      ...(before ?? {}),
      name: recorder.build.name,
      source: source.fullName,
      status: 'pending',
      templateHash: final,
      instance: null,
      provisioners: steps,
      artifacts: [],
      error: null,
      startedAt: isResumed ? before.startedAt : now,
      endedAt: null,
      metadata,
    })
  }

  #command(path: string, autoVarFiles: readonly string[], isForced: boolean): string[] {
    const { packer, source, input, except, keepOnFailure } = this.#terms
    return [
      packer.path,
      'build',
      '-machine-readable',
      `-only=${source.fullName}`,
      ...(except.length > 0 ? [`-except=${except.join(',')}`] : []),
      ...(isForced ? ['-force'] : []),
      ...(keepOnFailure ? ['-on-error=abort'] : []),
      ...[...autoVarFiles, ...input.varFiles].map((file) => `-var-file=${file}`),
      ...input.vars.flatMap((given) => ['-var', given]),
      path,
    ]
  }

  #failed({ status, error, exitStatus }: Failure): HoldfastError {
    const { build } = this.#terms.recorder
    const index = build.provisioners.findIndex((step) => step.status === 'failed')
    const step = build.provisioners[index]
    const output = step?.output ?? ''
    const telling = output.split('\n').slice(-TELLING_LINES).join('\n')
    const transient = status === 'failed' ? transientReason(exitStatus, error, telling) : null
    const where = step ? ` in step ${index + 1} of ${build.provisioners.length} (${step.name})` : ''
    const log = metadataOf(build)?.run.log ?? ''
    const hint = error.includes('already exists')
      ? 'Remove it, or overwrite it with --force.'
      : `Packer's whole output: ${log}`
    return new HoldfastError(
      'BUILD_FAILED',
      `${build.name} ${status === 'failed' ? 'failed' : 'was interrupted'}${where}: ${error}`,
      {
        hint,
        retryable: transient !== null,
        details: { source: build.source, provisioner: step?.name ?? null, exitStatus, output: telling, log, transient },
      },
    )
  }
}

/** The template as the record names it. Absolute. */
export function templatePath(template: LoadedTemplate): string {
  return resolve(template.path)
}

function withProcess(build: Build, { pid, startedAt }: ProcessGroup): Build {
  const metadata = metadataOf(build)
  return metadata
    ? { ...build, metadata: { ...metadata, run: { ...metadata.run, pid, pidStartedAt: startedAt } } }
    : build
}

function isRetryable(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'BUILD_FAILED' && error.retryable
}

function retryReason(error: unknown): string {
  return error instanceof HoldfastError ? `${String(error.details.transient)} (${error.message})` : String(error)
}
