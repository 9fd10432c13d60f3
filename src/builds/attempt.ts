/**
 * One run of Packer for one source, from its folder to its record: launched by us, or found. Only what stands in the
 * run's folder counts, so that both are the same.
 */
import { existsSync, rmSync, statfsSync } from 'node:fs'
import { HoldfastError } from '../base/index.ts'
import type { Build } from '../state/index.ts'
import { madeFiles, measure, type Measured } from './artifacts.ts'
import { RunWatch, type RunNews } from './follow.ts'
import { PackerReport, textForPeople } from './packer-log.ts'
import { CLEANUP_GRACE_MS, endGroup, membersOf, signalGroup, type ProcessGroup } from './process-group.ts'
import { metadataOf } from './record.ts'
import type { Recorder } from './recorder.ts'
import { exitStatusOf, wasDiskFull, type RunFolder } from './run-folder.ts'
import { StepOutput } from './step-output.ts'
import {
  afterEvent,
  completed,
  continuedFailure,
  ended,
  runningStep,
  withContinued,
  withOutput,
  type Failure,
} from './steps.ts'
import { removeTempFolder } from './temp-folder.ts'
import { MARKER_LINE } from './template/index.ts'
import { BuildError } from './errors.ts'

/** Time that the processes of a dead Packer have to end, ms. */
const LEFTOVER_GRACE_MS = 2000

/** Free bytes below which a failure is put down to the disk. */
const FULL_BYTES = 16 * 1024
/** Of a run whose log could not be written. */
export const DISK_FULL = 'the disk of its data folder was full'

/** What a build is told that cannot be recorded, or whose log cannot be written. */
export function noSpace(message: string, cause?: unknown): HoldfastError {
  const hint = 'Free some space and run the same command again: it goes on where it can.'
  return new BuildError('BUILD_NO_SPACE', message, { hint, retryable: true, ...(cause !== undefined && { cause }) })
}

export interface AttemptSignals {
  /** Asks Packer to stop, once; it cleans up. */
  readonly stop: AbortSignal
  /** Kills it. */
  readonly kill: AbortSignal
  /** The lock's: another process may be at work. */
  readonly lost: AbortSignal
}

export interface AttemptTerms {
  readonly run: RunFolder
  readonly group: ProcessGroup
  readonly recorder: Recorder
  readonly signals: AttemptSignals
  readonly workingFolder: string
  /** A line of Packer's for people. */
  readonly onLine: (text: string) => void
  /** Called once, when Packer has read its template. */
  readonly onRead: () => Promise<void>
  /**
   * The build that ended, as it is to be recorded: in one save, so that no kill leaves more trust in it than it
   * deserves.
   */
  readonly toRecord: (build: Build) => Promise<Build>
}

/**
 * Follows the run to its end and records it.
 * @returns how it failed, or null when it is complete.
 * @throws LOCK_LOST, with Packer ended; ARTIFACT_DAMAGED.
 */
export async function followToEnd(terms: AttemptTerms): Promise<Failure | null> {
  const { run, group, recorder, signals } = terms
  const watch = new RunWatch(run, group)
  const reader = new RunReader(terms)
  const stop = () => signalGroup(group, 'SIGINT')
  const kill = () => signalGroup(group, 'SIGKILL')
  if (signals.stop.aborted) stop()
  if (signals.kill.aborted) kill()
  signals.stop.addEventListener('abort', stop, { once: true })
  signals.kill.addEventListener('abort', kill, { once: true })
  try {
    for await (const news of watch.news(signals.lost)) await reader.take(news)
    await terms.onRead()
    for (const path of [run.base, run.monitorSocket]) rmSync(path, { recursive: true, force: true })
    const failure = reader.failure(exitStatusOf(run), wasDiskFull(run) || isFull(run.path))
    // Of size 0 it stays: whoever reads this run later has to know.
    if (!wasDiskFull(run)) rmSync(run.reserve, { force: true })
    if (failure?.status === 'interrupted') await endGroup(group, LEFTOVER_GRACE_MS)
    // What the last processes wrote while they ended.
    for (const news of watch.read()) await reader.take(news)
    const isKept = failure?.status === 'failed' && metadataOf(recorder.build)?.run.isKept === true
    if (!isKept || membersOf(group).length === 0) removeTempFolder(run)
    if (!failure) return await reader.complete()
    await reader.fail(failure)
    return failure
  } catch (error) {
    if (!signals.lost.aborted) throw error
    if (!(await recorder.isTakenOver())) {
      await endGroup(group, CLEANUP_GRACE_MS, signals.kill)
      removeTempFolder(run)
    }
    throw signals.lost.reason
  } finally {
    signals.stop.removeEventListener('abort', stop)
    signals.kill.removeEventListener('abort', kill)
  }
}

/** Turns what a run writes into versions of its build's record. */
class RunReader {
  readonly #terms: AttemptTerms
  readonly #report = new PackerReport()
  readonly #output = new StepOutput()
  /** Of steps with `continue_on_error`, by their index. */
  readonly #continued = new Map<number, Pick<Failure, 'error' | 'exitStatus'>>()
  #step = 0
  #hasRead = false

  constructor(terms: AttemptTerms) {
    this.#terms = terms
  }

  async take({ events, lines }: RunNews): Promise<void> {
    const { recorder, onLine, onRead } = this.#terms
    if (!this.#hasRead && events.length + lines.length > 0) {
      this.#hasRead = true
      await onRead()
    }
    for (const line of lines) this.#noteContinued(line.data[1] ?? '')
    const versions: Build[] = []
    const newest = () => versions.at(-1) ?? recorder.build
    for (const event of events) {
      versions.push(...afterEvent(newest(), event).map((build) => withContinued(build, this.#continued)))
    }
    const known = withContinued(newest(), this.#continued)
    if (known !== newest()) versions.push(known)
    for (const line of lines) {
      this.#report.add(line)
      const text = textForPeople(line)
      if (text !== null) onLine(text)
      const finished = this.#output.add(line)
      if (finished) versions.push(withOutput(newest(), finished.step, finished.output))
    }
    if (versions.length > 0) await recorder.record(...versions)
  }

  #noteContinued(text: string): void {
    const marker = MARKER_LINE.exec(text)?.groups
    if (marker?.['event'] === 'start') this.#step = Number(marker['step'])
    const failure = continuedFailure(text)
    if (failure) this.#continued.set(this.#step, failure)
  }

  /** How a run with this exit status failed, or null when it did not. */
  failure(exitStatus: number | null, isDiskFull: boolean): Failure | null {
    // Packer's outer process exits with 0 when the inner one is killed, as the kernel does out of
    // memory.
    if (exitStatus === 0 && this.#report.isFinished) return null
    const { stop } = this.#terms.signals
    const said = this.#report.errors.at(-1)
    if (isDiskFull) return { status: 'interrupted', error: DISK_FULL, exitStatus: null }
    if (stop.aborted) return { status: 'interrupted', error: 'it was stopped', exitStatus: null }
    if (exitStatus === null) {
      const { path } = this.#terms.run
      const why = existsSync(path)
        ? 'its processes were killed'
        : `the folder of its run, ${path}, was removed meanwhile`
      return { status: 'interrupted', error: why, exitStatus: null }
    }
    if (said === undefined || exitStatus === 0) {
      const how =
        exitStatus > 128 ? `was killed by signal ${exitStatus - 128}` : `ended early (exit status ${exitStatus})`
      return { status: 'interrupted', error: `packer ${how}`, exitStatus: null }
    }
    const told = /exit status:? (\d+)/.exec(said)?.[1]
    return { status: 'failed', error: said, exitStatus: told === undefined ? null : Number(told) }
  }

  async fail(failure: Failure): Promise<void> {
    const { build } = this.#terms.recorder
    const last = this.#output.end()
    const step = runningStep(build)
    const known = last && step === last.step ? withOutput(build, step, last.output) : build
    await this.#record(ended(known, new Date().toISOString(), failure))
  }

  /** @returns null, or the failure when what Packer reported is not there. */
  async complete(): Promise<Failure | null> {
    const { build } = this.#terms.recorder
    try {
      const { artifacts, times } = await this.#measure(build)
      const instance = this.#report.artifacts.map(({ builderId, id }) => ({ builderId, id }))
      const metadata = { ...build.metadata, artifactTimes: times, replaces: [] }
      await this.#record(completed(build, new Date().toISOString(), { artifacts, instance, metadata }))
      return null
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'ARTIFACT_DAMAGED') throw error
      const failure: Failure = { status: 'failed', error: error.message, exitStatus: null }
      await this.#record(ended(build, new Date().toISOString(), failure))
      return failure
    }
  }

  async #record(build: Build): Promise<void> {
    await this.#terms.recorder.commit(await this.#terms.toRecord(build))
  }

  #measure(build: Build): Promise<Measured> {
    const { run, workingFolder, signals } = this.#terms
    const files = madeFiles(run.manifest, this.#report.artifacts, workingFolder)
    return measure(files, metadataOf(build)?.replaces ?? [], signals.kill)
  }
}

/**
 * Ends what a build left running, machines that were kept for a look included.
 * @returns how many processes.
 */
export async function endLeftovers(run: RunFolder, group: ProcessGroup): Promise<number> {
  const left = membersOf(group).length
  if (left > 0) await endGroup(group, LEFTOVER_GRACE_MS)
  removeTempFolder(run)
  return left
}

/** Too little is left for a line of events: a step's marker then fails although Packer's log still had room. */
function isFull(folder: string): boolean {
  if (!existsSync(folder)) return false
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize < FULL_BYTES
}
