/** Follows a plan: which step is next, what is left out, what is kept. */
import { mkdirSync, rmSync } from 'node:fs'
import { formatBytes } from '../../base/index.ts'
import type { MachineDriver } from '../machines/machine.ts'
import { makeCellResult } from '../results/cell.ts'
import type { CellResult, Environment, Iteration } from '../results/result.ts'
import type { JournalEntry } from '../results/run-folder.ts'
import type { PreparedTarget } from '../targets/target.ts'
import { parseTargets, type NamedTarget } from '../targets/targets.ts'
import type { Conditions } from './attempt.ts'
import { environment } from './host.ts'
import { checkUnchanged, identityOf, UNKNOWN, type Identity } from './identity.ts'
import { runIteration } from './iteration.ts'
import type { LabSession } from './lab-session.ts'
import { cellKey, stepGroups, stepKey, type Plan, type Step } from '../plan.ts'
import type { Presenter } from './presenter.ts'
import { secondsLeft, stepTime, type StepTime } from './time-left.ts'
import { LabError } from '../errors.ts'

/**
 * A cell that has failed so often in a row of the server's own doing will not do better: the rest of it is left out.
 */
const GIVE_UP_AFTER = 2

export interface PlanRun {
  plan: Plan
  driver: MachineDriver
  session: LabSession
  presenter: Presenter
  scratchFolder: string
  /** What an earlier part of the run has recorded. */
  journal: readonly JournalEntry[]
  /** The results that it has left. */
  earlier: readonly CellResult[]
  /** Called with each final outcome, before anything else happens, and with the cell's result so far. */
  record: (entry: JournalEntry, cell: CellResult) => void
  /**
   * Called with what the journal says of a cell, before the run goes on: a kill may have come before that was
   * written.
   */
  restore?: (cell: string, result: CellResult) => void
}

/** With the targets that its plan names. */
interface Run extends PlanRun {
  targets: readonly NamedTarget[]
}

export interface Outcome {
  /** Every cell of the plan, also those without a result yet; none when the run was interrupted before it began. */
  cells: CellResult[]
  isInterrupted: boolean
}

/** @throws what stops the whole run: a target that cannot be had, a machine kind that is not there, a full disk. */
export async function runPlan(given: PlanRun): Promise<Outcome> {
  const run: Run = { ...given, targets: parseTargets(given.plan.targets.map(({ spec }) => spec)) }
  const { session, driver, targets } = run
  const prepared = await prepareAll(targets, session.signal)
  if (!prepared) return { cells: [], isInterrupted: true }
  const startsServers = [...prepared.values()].some(({ start }) => start)
  if (startsServers) await driver.check()
  mkdirSync(run.scratchFolder, { recursive: true })
  const forget = session.reaper.add(`rmdir '${run.scratchFolder.replaceAll("'", `'\\''`)}'`)
  try {
    if (startsServers) checkRoom(run)
    const identities = new Map([...prepared].map(([name, target]) => [name, identityOf(target, driver)]))
    const cells = new CellBook(run, prepared, identities)
    await takeSteps(run, async (step) => {
      if (cells.needs(step)) cells.add(step, await runStep(run, step, prepared), run)
    })
    return { cells: cells.results(), isInterrupted: session.signal.aborted }
  } finally {
    rmSync(run.scratchFolder, { recursive: true, force: true })
    forget()
  }
}

/**
 * The steps of a group one after another, as many groups at once as the plan says. An error ends them all, in good
 * order.
 */
async function takeSteps({ plan, session }: PlanRun, take: (step: Step) => Promise<void>): Promise<void> {
  const waiting = stepGroups(plan)
  const broken = new AbortController()
  const worker = async () => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      for (const step of group) {
        if (session.signal.aborted || broken.signal.aborted) return
        await take(step)
      }
    }
  }
  const workers = Array.from({ length: plan.parallel }, async () =>
    worker().catch((error: unknown) => {
      broken.abort()
      throw error
    }),
  )
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}

/** Null when interrupted meanwhile. */
async function prepareAll(
  targets: readonly NamedTarget[],
  signal: AbortSignal,
): Promise<Map<string, PreparedTarget> | null> {
  const prepared = new Map<string, PreparedTarget>()
  try {
    for (const { name, target } of targets) prepared.set(name, await target.prepare(signal))
    return prepared
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** A disk that fills up stops more than the lab. What a server needs besides the file itself it has to say itself. */
function checkRoom({ plan, driver, scratchFolder }: PlanRun): void {
  const room = driver.roomBytes(scratchFolder) / plan.parallel
  const tooBig = plan.file_sizes.filter(({ bytes }) => bytes > room).map(({ label }) => label)
  if (tooBig.length === 0) return
  const each = plan.parallel > 1 ? ` for each of ${plan.parallel} cells at once` : ''
  throw new LabError('NO_SPACE', `no room for a file of ${tooBig.join(', ')}: there are ${formatBytes(room)}${each}`, {
    hint: 'Leave it out of --file-size, or give an --out on a bigger disk.',
  })
}

async function runStep(
  { plan, driver, session, presenter, scratchFolder, targets }: Run,
  step: Step,
  prepared: ReadonlyMap<string, PreparedTarget>,
): Promise<Iteration> {
  const named = targets.find(({ name }) => name === step.target)
  const target = prepared.get(step.target)
  if (!named || !target) throw new Error(`the plan has no target ${step.target}`)
  const conditions: Conditions = {
    driver,
    upload: plan.upload,
    warmUpBytes: plan.warm_up_bytes,
    readyTimeoutMs: plan.ready_timeout_ms,
    uploadTimeoutMs: plan.upload_timeout_ms,
    quietWaitMs: plan.quiet_wait_ms,
    scratchFolder,
    reaper: session.reaper,
  }
  // The same bytes for every step of a size: their hash is known before the clock runs.
  const file = { seed: `${plan.seed}`, sizeBytes: step.fileSize.bytes }
  const subject = { ramMb: step.ramMb, file, target, secret: named.target.secret }
  const cell = { ...step, fileSize: step.fileSize.label }
  const retry = { retries: plan.retries, backoffMs: plan.backoff_ms }
  return runIteration(conditions, subject, cell, retry, presenter, session.signal)
}

/** The facts about each cell so far. */
class CellBook {
  readonly #run: Run
  readonly #prepared: ReadonlyMap<string, PreparedTarget>
  readonly #identities: ReadonlyMap<string, Identity>
  readonly #environment: Environment
  readonly #iterations = new Map<string, Iteration[]>()
  readonly #done = new Set<string>()
  readonly #times: StepTime[] = []
  readonly #steps: Step[]

  constructor(run: Run, prepared: ReadonlyMap<string, PreparedTarget>, identities: ReadonlyMap<string, Identity>) {
    this.#run = run
    this.#prepared = prepared
    this.#identities = identities
    this.#environment = environment(run.scratchFolder)
    checkUnchanged(run.earlier, identities, this.#environment)
    this.#steps = stepGroups(run.plan).flat()
    const byKey = new Map(this.#steps.map((step) => [stepKey(step), step]))
    for (const { step, result } of run.journal) {
      const known = byKey.get(step)
      if (known) this.#keep(known, result)
    }
    for (const step of this.#cells()) {
      if (this.#iterations.has(cellKey(step))) run.restore?.(cellKey(step), this.#result(step))
    }
  }

  needs(step: Step): boolean {
    if (this.#done.has(stepKey(step))) return false
    const last = (this.#iterations.get(cellKey(step)) ?? []).slice(-GIVE_UP_AFTER)
    return last.length < GIVE_UP_AFTER || last.some(({ exit_reason: reason }) => reason === 'success')
  }

  add(step: Step, result: Iteration, { record, presenter }: PlanRun): void {
    // An interrupted iteration never happened: a resumed run does it again.
    if (result.exit_reason === 'interrupted') return
    const entry = { step: stepKey(step), cell: cellKey(step), result }
    this.#keep(step, result)
    record(entry, this.#result(step))
    const left = this.#steps.filter((other) => this.needs(other))
    presenter.iteration({ ...step, fileSize: step.fileSize.label }, result, {
      done: this.#steps.length - left.length,
      total: this.#steps.length,
      secondsLeft: secondsLeft(this.#times, this.#expected(left).map(sizeOf), this.#run.plan.parallel),
    })
  }

  /**
   * In the order of the plan's targets, whatever came first in time: the first one is what the others are compared
   * with.
   */
  results(): CellResult[] {
    const order = this.#run.plan.targets.map(({ name }) => name)
    return this.#cells()
      .toSorted((a, b) => order.indexOf(a.target) - order.indexOf(b.target))
      .map((step) => this.#result(step))
  }

  /** A step of each. */
  #cells(): Step[] {
    return [...new Map(this.#steps.map((step) => [cellKey(step), step])).values()]
  }

  /** The steps that are left and will be taken, if cells that have only failed so far go on to. */
  #expected(left: readonly Step[]): Step[] {
    const taken = new Map<string, number>()
    return left.filter((step) => {
      const before = this.#iterations.get(cellKey(step)) ?? []
      if (before.length === 0 || before.some(({ exit_reason: reason }) => reason === 'success')) return true
      const count = (taken.get(cellKey(step)) ?? before.length) + 1
      taken.set(cellKey(step), count)
      return count <= GIVE_UP_AFTER
    })
  }

  #keep(step: Step, result: Iteration): void {
    this.#done.add(stepKey(step))
    this.#times.push(stepTime(sizeOf(step), result))
    this.#iterations.set(cellKey(step), [...(this.#iterations.get(cellKey(step)) ?? []), result])
  }

  #result(step: Step): CellResult {
    const { plan, driver, targets } = this.#run
    const named = targets.find(({ name }) => name === step.target)
    const prepared = this.#prepared.get(step.target)
    const facts = {
      run: plan.run,
      platform: prepared?.start ? driver.kind : 'url',
      ram_mb: step.ramMb,
      ram_limited: driver.limitsMemory && prepared?.start !== null,
      file_size: step.fileSize.label,
      file_size_bytes: step.fileSize.bytes,
      target: { name: step.target, kind: named?.target.kind ?? '', ...(this.#identities.get(step.target) ?? UNKNOWN) },
      upload: plan.upload,
      parallel: plan.parallel,
      planned_iterations: plan.iterations,
      environment: this.#environment,
    }
    return makeCellResult(facts, this.#iterations.get(cellKey(step)) ?? [])
  }
}

function sizeOf({ target, ramMb, fileSize }: Step) {
  return { target, ramMb, bytes: fileSize.bytes }
}
