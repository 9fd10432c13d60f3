/**
 * The way to a state. Nothing else saves: every save is made under the state's lock, on the newest serial, and is refused
 * by the store itself when a later holder of the lock is at work.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError, MAX_TIMER_MS, type Log, type Metrics } from '../base/index.ts'
import { LockTimeoutError, withinLock, type AcquireOptions, type HeldLock, type Lock } from '../lock/index.ts'
import { lockOfState, STATE_BACKENDS, type StateBackend } from './backends.ts'
import type { Backup } from './backup-files.ts'
import { BackupKeeper, type BackupPolicy } from './backups.ts'
import type { Build } from './build.ts'
import { buildOf, Committer, isLossOf, type WholeState } from './committer.ts'
import { diffBuilds, type BuildDiff } from './diff.ts'
import { writeDocument, type ImportedState } from './document.ts'
import type { Draft } from './draft.ts'
import { noSuchSerial, StaleStateError } from './errors.ts'
import { LayeredMap } from './layered-map.ts'
import { LocksOnDemand } from './locks-on-demand.ts'
import { outcomeOf, registerStateMetrics, type StateMetrics } from './metrics.ts'
import { restoreDamaged } from './restore.ts'
import type { BuildEntry, Damage, SaveRecord, StateHead, StateStore } from './state-store.ts'
import { State } from './state.ts'
import { Upkeep } from './upkeep.ts'
import { UpdateQueue, type Turn, type Update } from './update-queue.ts'

const DEFAULT_KEEP_SERIALS = 100
const DEFAULT_WAIT_MS = 60_000
/** Within this time a turn of ours with the lock ends when it is wanted, if no change that waits for something is in it. */
const OWN_TURN_MS = 1000
const LIST_PAGE = 1000
/** Old versions that are looked up together: each look goes through the saves since then. */
const HISTORY_PAGE = 2000

export interface StateManagerOptions {
  /** Which state of the data folder. Default `default`. */
  name?: string
  backend?: StateBackend
  /** Refuse to make the state when there is none. Default false. */
  mustExist?: boolean
  /** Old serials that are kept for history, diff and rollback. Default 100. */
  keepSerials?: number
  /** Automatic backups; false: none. Default: hourly at most, when there was a save, 10 kept. */
  backups?: BackupPolicy | false
  /** Restore the newest good backup when the state is found damaged at open. Default false. */
  autoRestore?: boolean
  log?: Log
  /** As `LockManagerOptions.within`. */
  within?: readonly string[]
  /** Where to register the metrics of the state and of its locks. Default: they are not counted. */
  metrics?: Metrics
}

export interface UpdateOptions {
  /** What the save is for, shown in the history. Default `update`. */
  operation?: string
  /** How long to wait for the state's lock, ms. Default 60,000. `Infinity`: as long as it takes. */
  waitMs?: number
  /** Ends the wait. Has no effect once the commit has begun. */
  signal?: AbortSignal
  /**
   * A lock that `StateManager.lock` gave: the save is refused when it is lost. With the lock of the whole state there is
   * no wait; without it the manager takes that lock for the save, and keeps it for others that follow until somebody waits.
   */
  lock?: Lock
}

export interface ReplaceOptions {
  /** Whether builds that are not given stay. Default false. */
  keepOthers?: boolean
  /** The document that the builds come from: then it must be of this state and no older. Default: it may be any. */
  from?: Pick<ImportedState, 'lineage' | 'serial'>
}

export type StateLockOptions = Omit<AcquireOptions, 'tokenAbove' | 'isDetached'> & {
  /** A part of the state that is locked by itself: a build's name, say. Default: the whole state. */
  scope?: string
}

/**
 * One state of a data folder. One manager may be used by any number of callers at once, and any number of managers in any
 * number of processes may work on one state: no acknowledged save is lost, no reader sees half a save, savers get their
 * turns in the order in which they asked. A save is on the disk when its promise resolves.
 *
 * A save whose promise rejects has changed nothing, with one exception: when the machine fails at the moment of the
 * commit, the error says so and the save may or may not be there.
 */
export class StateManager implements AsyncDisposable {
  readonly name: string
  readonly #store: StateStore
  readonly #locks: LocksOnDemand
  readonly #committer: Committer
  readonly #log: Log | null
  readonly #metrics: StateMetrics | null
  readonly #isWithin: boolean
  readonly #backups: BackupKeeper
  readonly #upkeep: Upkeep
  readonly #free: UpdateQueue
  readonly #held = new WeakMap<Lock, UpdateQueue>()
  /** Queues that may have something to do. */
  readonly #atWork = new Set<UpdateQueue>()
  #closing: Promise<void> | null = null

  private constructor(store: StateStore, locks: LocksOnDemand, backups: BackupKeeper, options: StateManagerOptions) {
    this.name = options.name ?? 'default'
    this.#store = store
    this.#locks = locks
    this.#log = options.log ?? null
    this.#metrics = options.metrics ? registerStateMetrics(options.metrics) : null
    this.#metrics?.sources.set(store, this.name)
    this.#isWithin = (options.within ?? []).length > 0
    this.#backups = backups
    this.#upkeep = new Upkeep({ name: this.name, store, backups, locks, log: this.#log, metrics: this.#metrics })
    this.#committer = new Committer(store, (head, startedAtMs) => this.#saved(head, startedAtMs))
    this.#free = new UpdateQueue((signal) => this.#enter(signal))
  }

  /**
   * Opens a state, making it when there is none.
   * @throws INVALID_REQUEST when no serial is to be kept; NOT_FOUND when it `mustExist` and does not; STATE_DAMAGED (unless `autoRestore` finds a good backup); STATE_TOO_NEW; DATA_FOLDER_UNUSABLE; NO_SPACE.
   */
  static async open(dataFolder: string, options: StateManagerOptions = {}): Promise<StateManager> {
    const { name = 'default', backend = 'sqlite', keepSerials = DEFAULT_KEEP_SERIALS, mustExist = false, log } = options
    if (!(keepSerials >= 1)) {
      throw new HoldfastError(
        'INVALID_REQUEST',
        `keepSerials is ${keepSerials}: the newest save is kept always, so give 1 or more`,
      )
    }
    const locks = new LocksOnDemand(dataFolder, {
      ...(log && { log }),
      ...(options.metrics && { metrics: options.metrics }),
      ...(options.within && { within: options.within }),
    })
    const metrics = options.metrics ? registerStateMetrics(options.metrics) : null
    const watch = {
      onRetry: () => metrics?.retries.inc({ state: name }),
      onCircuit: (isOpen: boolean) => metrics?.circuitOpen.set({ state: name }, Number(isOpen)),
    }
    const open = () =>
      STATE_BACKENDS[backend](dataFolder, name, { lock: lockOfState(name), keepSerials, watch, mustExist })
    try {
      const store = await open().catch(async (error: unknown) => {
        if (!isDamage(error) || !options.autoRestore) throw error
        const about = { name, locks: await locks.get(), ...(log && { log }) }
        const restored = await restoreDamaged(dataFolder, about, () => isDamagedAtOpen(open))
        if (restored)
          log?.error({ err: error, restored }, 'the state was damaged; the newest good backup took its place')
        return open()
      })
      const backups = new BackupKeeper(dataFolder, name, store, options.backups === undefined ? {} : options.backups)
      return new StateManager(store, locks, backups, options)
    } catch (error) {
      await locks.close()
      throw error
    }
  }

  /** Where the state stands now. */
  head(): Promise<StateHead> {
    return this.#committer.refresh()
  }

  /** The whole state as its newest save left it. From memory when nothing was saved since the last time. */
  async load(): Promise<State> {
    const startedAt = performance.now()
    const { lineage, serial: newest } = await this.#committer.refresh()
    const { cache } = this.#committer
    const known = cache.serial >= newest ? cache.lend() : null
    const { serial, builds } = known ? { serial: cache.serial, builds: known } : await this.#loadWhole()
    this.#metrics?.loadSeconds.observe({ state: this.name }, (performance.now() - startedAt) / 1000)
    return new State(lineage, serial, builds)
  }

  /** A build's newest version, frozen, or null. Reads that build alone, or nothing when it is in memory. */
  async get(name: string): Promise<Build | null> {
    await this.#committer.refresh()
    return this.#committer.read(name)
  }

  /** Names, statuses and serials by name, page after page, in flat memory however many there are. */
  async *entries({ after = '', status }: { after?: string; status?: string } = {}): AsyncIterableIterator<BuildEntry> {
    for (let last: string | undefined = after; last !== undefined;) {
      const page = await this.#store.list({ after: last, limit: LIST_PAGE, ...(status !== undefined && { status }) })
      yield* page
      last = page.length < LIST_PAGE ? undefined : page.at(-1)?.name
    }
  }

  /** One page of `entries`. */
  list(options: { after?: string; limit: number; status?: string }): Promise<BuildEntry[]> {
    return this.#store.list(options)
  }

  /** All builds as one save left them, in flat memory. Saves go on meanwhile. */
  async *builds(): AsyncIterableIterator<Build> {
    for await (const page of this.#store.snapshot()) for (const { body } of page.builds) yield buildOf(body)
  }

  /** The newest state as one JSON document that `readDocument` takes, piece by piece, in flat memory. */
  document(): AsyncIterableIterator<string> {
    return writeDocument(this.#store.snapshot())
  }

  /**
   * Changes the state: `change` gets a draft of the newest state, and what it put and removed there is saved as one
   * serial, all or nothing. Nothing is saved when it throws or changes nothing. It may be called more than once, and
   * others wait for it: let it await nothing but the draft. Updates that wait at the same time share one commit.
   * @returns what `change` returned.
   * @throws what `change` threw; LOCK_DAMAGED; LOCK_TIMEOUT after `waitMs`; LOCK_LOST when `lock` is no longer the caller's; NO_SPACE;
   * STATE_DAMAGED; STATE_REPLACED; the signal's reason.
   */
  async update<T>(change: (draft: Draft) => T | Promise<T>, options: UpdateOptions = {}): Promise<T> {
    const { value } = await this.#submit(change, options, false)
    return value
  }

  /**
   * Saves the changes that `state.with` and `state.without` made, as one serial, if nobody saved since it was loaded.
   * @returns the state at its new serial; the same one when it has no changes.
   * @throws STALE_STATE when somebody saved; otherwise as `update`.
   */
  async save(state: State, options: UpdateOptions = {}): Promise<State> {
    if (state.changes.size === 0) return state
    const change = (draft: Draft) => {
      if (draft.lineage !== state.lineage) throw wrongLineage(state.lineage, draft.lineage)
      if (draft.serial !== state.serial + 1) throw new StaleStateError(state.serial, draft.serial - 1)
      draft.adopt(state.changes)
    }
    const { serial } = await this.#submit(change, { operation: 'save', ...options }, true)
    return state.savedAt(serial)
  }

  /**
   * Takes the lock of the whole state, or of a part of it, for more than a moment. From then on the saves of earlier
   * holders are refused, even if they never noticed that they lost it. While the whole state is locked only saves with
   * that lock go through; a part's lock keeps nobody from saving who does not name it. Waits 60 s if not told otherwise.
   * @throws as `LockManager.acquire`.
   */
  async lock({ scope, ...options }: StateLockOptions): Promise<Lock> {
    const name = scope === undefined ? lockOfState(this.name) : `${lockOfState(this.name)}/${scope}`
    if (scope === undefined) await this.#ownTurnOver(options)
    const tokenAbove = await this.#tokenAbove(name)
    const locks = await this.#locks.get()
    const lock = await locks.acquire(name, { waitMs: DEFAULT_WAIT_MS, ...options, tokenAbove })
    try {
      for (const fence of lock.fences) await this.#store.raiseFence(fence)
      return lock
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /**
   * Who has the lock of the whole state, or had it and is gone; null when nobody does. Of those who have it within one another
   * the innermost. Holders of parts are not told.
   */
  async holder(): Promise<HeldLock | null> {
    const locks = await this.#locks.get()
    return locks.readInnermost(lockOfState(this.name))
  }

  /** The saves that are kept, newest first; only those that changed `build`, if given. */
  history(options: { limit: number; build?: string }): Promise<SaveRecord[]> {
    return this.#store.history(options)
  }

  /** A build as it was at a serial, or null. @throws NO_SUCH_SERIAL when that is not kept. */
  async getAt(serial: number, name: string): Promise<Build | null> {
    return (await this.#allAt(serial, [name])).get(name) ?? null
  }

  /** What the saves after `from`, up to and with `to`, changed. @throws NO_SUCH_SERIAL when one of them is not kept. */
  async diff(from: number, to: number): Promise<BuildDiff[]> {
    const [first, last] = [Math.min(from, to), Math.max(from, to)]
    const { serial } = await this.head()
    if (last > serial) throw noSuchSerial(last, serial)
    const diffs: BuildDiff[] = []
    for (const names of pagesOf([...(await this.#changedSince(first))].toSorted())) {
      const [before, after] = [await this.#allAt(from, names), await this.#allAt(to, names)]
      for (const name of names) {
        const diff = diffBuilds(name, before.get(name) ?? null, after.get(name) ?? null)
        if (diff) diffs.push(diff)
      }
    }
    return diffs
  }

  /**
   * Makes the state what it was at a serial, by a new save: nothing of the history is lost. @returns the new serial.
   * @throws NO_SUCH_SERIAL when that is not kept; otherwise as `update`.
   */
  async rollback(to: number, options: UpdateOptions = {}): Promise<number> {
    const change = async (draft: Draft) => {
      const changed = new Set([...(await this.#changedSince(to)), ...draft.changedBefore])
      for (const names of pagesOf([...changed])) {
        const before = await this.#allAt(to, names)
        for (const name of names) {
          const then = before.get(name)
          if (then) await draft.put(then)
          else if (await draft.get(name)) await draft.remove(name)
        }
      }
    }
    const { serial } = await this.#submit(change, { operation: `rollback to ${to}`, ...options }, true)
    return serial
  }

  /**
   * Makes the state hold these builds and no others, or these and the others with `keepOthers`. @returns the new serial.
   * @throws WRONG_LINEAGE when builds would be replaced and they are `from` a document of another lineage, or of a
   * lower serial; as `update`, and what `builds` throws, with nothing changed.
   */
  async replace(builds: readonly Build[], options: UpdateOptions & ReplaceOptions = {}): Promise<number> {
    const { keepOthers = false, from } = options
    const change = async (draft: Draft) => {
      const names = new Set(builds.map(({ name }) => name))
      const replaced = new Set<string>()
      for (const name of names) if (await draft.get(name)) replaced.add(name)
      if (!keepOthers) {
        for await (const { name } of this.entries()) if (await draft.get(name)) replaced.add(name)
        for (const name of draft.changedBefore) if (await draft.get(name)) replaced.add(name)
      }
      if (from && replaced.size > 0) assertSuccessor(from, { lineage: draft.lineage, serial: draft.serial - 1 })
      for (const name of replaced) if (!names.has(name)) await draft.remove(name)
      for (const build of builds) await draft.put(build)
    }
    const { serial } = await this.#submit(change, { operation: 'import', ...options }, true)
    return serial
  }

  /** Reads everything and compares it with its checksums. @returns what is damaged; nothing when all is well. */
  verify(): Promise<Damage[]> {
    return this.#store.verify()
  }

  /** Makes a backup now, verified and on the disk when it resolves. Saves go on meanwhile. */
  backup(): Promise<Backup> {
    return this.#backups.create()
  }

  /** Drops old serials beyond those to keep and packs the rest. Happens by itself every 256 saves. */
  compact(): Promise<void> {
    return this.#store.compact(true)
  }

  /** Bytes on the disk, history included. */
  sizeBytes(): Promise<number> {
    return this.#store.sizeBytes()
  }

  /** Waits for updates and background work, releases locks that are held, closes. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const queue of this.#atWork) await queue.idle()
    await this.#upkeep.idle()
    this.#metrics?.sources.delete(this.#store)
    await this.#locks.close()
    await this.#store.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #submit<T>(
    apply: (draft: Draft) => T | Promise<T>,
    options: UpdateOptions,
    isFree: boolean,
  ): Promise<{ value: T; serial: number }> {
    if (this.#closing) return Promise.reject(new HoldfastError('NOT_READY', 'the state is closed'))
    const { operation = 'update', waitMs = DEFAULT_WAIT_MS, signal, lock } = options
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<{ value: T; serial: number }>()
    const isWholeLock = lock?.name === lockOfState(this.name)
    const queue = lock && isWholeLock ? this.#queueOf(lock) : this.#free
    this.#atWork.add(queue)
    const onAbort = () => {
      if (queue.withdraw(update)) update.settle({ error: signal?.reason })
    }
    const update: Update = {
      apply,
      operation,
      isFree,
      guard: lock && !isWholeLock ? lock : null,
      deadlineMs: performance.now() + waitMs,
      expire: () => void this.#timeoutOf(waitMs).then((error) => update.settle({ error })),
      settle: (outcome) => {
        signal?.removeEventListener('abort', onAbort)
        if ('value' in outcome) return resolve(outcome as { value: T; serial: number })
        this.#countFailure(outcome.error)
        reject(outcome.error)
      },
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    queue.push(update)
    return promise
  }

  /** What to tell one who waited in vain. */
  async #timeoutOf(waitMs: number): Promise<unknown> {
    const name = lockOfState(this.name)
    try {
      const locks = await this.#locks.get()
      return new LockTimeoutError(name, waitMs, await locks.read(name))
    } catch (error) {
      return error
    }
  }

  /** Our own saves may have the lock for a moment, also from who wants to wait for nobody. */
  async #ownTurnOver({ waitMs = DEFAULT_WAIT_MS, signal }: { waitMs?: number; signal?: AbortSignal }): Promise<void> {
    const over = new AbortController()
    const patience = AbortSignal.any(signal ? [over.signal, signal] : [over.signal])
    const longestMs = Math.min(Math.max(waitMs, OWN_TURN_MS), MAX_TIMER_MS)
    // Whoever wants the lock in vain is told by the attempt to take it.
    await Promise.race([this.#free.turnOver(), sleep(longestMs, undefined, { signal: patience }).catch(() => {})])
    over.abort()
  }

  #queueOf(lock: Lock): UpdateQueue {
    const existing = this.#held.get(lock)
    if (existing) return existing
    const commit: Turn['commit'] = async (batch) => {
      lock.assertHeld()
      await this.#committer.commit(batch, lock)
    }
    const turn: Turn = { commit, isLost: () => false, isWanted: async () => false, leave: async () => {} }
    const queue = new UpdateQueue(async () => turn)
    this.#held.set(lock, queue)
    for (const other of this.#atWork) if (other.isIdle) this.#atWork.delete(other)
    return queue
  }

  /** The highest token that was seen with the lock, or, where we may be within it, with the one within. */
  async #tokenAbove(name: string): Promise<number> {
    const own = await this.#store.fenceOf(name)
    return this.#isWithin ? Math.max(own, await this.#store.fenceOf(withinLock(name))) : own
  }

  /** A turn with the state's lock. */
  async #enter(signal: AbortSignal): Promise<Turn> {
    const name = lockOfState(this.name)
    const tokenAbove = await this.#tokenAbove(name)
    const locks = await this.#locks.get()
    const lock = await locks.acquire(name, {
      operation: 'save',
      waitMs: Infinity,
      signal,
      tokenAbove,
    })
    return {
      commit: (batch) => this.#committer.commit(batch, lock),
      isLost: (error) => isLossOf(lock, error),
      isWanted: () => lock.isWanted().catch(() => true),
      // Lost or not, what was done under it is over, and the store has refused it if it was.
      leave: () => lock.release().catch((error: unknown) => this.#log?.warn({ err: error }, 'a lock was not released')),
    }
  }

  async #loadWhole(): Promise<WholeState> {
    const builds = new Map<string, Build>()
    let serial = 0
    for await (const page of this.#store.snapshot()) {
      serial = page.head.serial
      for (const { name, body } of page.builds) builds.set(name, JSON.parse(body) as Build)
    }
    return this.#committer.adopt({ serial, builds: LayeredMap.of(builds) })
  }

  /** These builds as they were at a serial, by name. */
  async #allAt(serial: number, names: readonly string[]): Promise<Map<string, Build>> {
    const stored = await this.#store.getAt(serial, names)
    return new Map([...stored].map(([name, { body }]) => [name, buildOf(body)]))
  }

  async #changedSince(serial: number): Promise<Set<string>> {
    const names = serial >= 0 ? await this.#store.changedSince(serial) : null
    if (names) return names
    throw noSuchSerial(serial, (await this.head()).serial)
  }

  #saved(head: StateHead, startedAtMs: number): void {
    const state = this.name
    this.#metrics?.saveSeconds.observe({ state }, (performance.now() - startedAtMs) / 1000)
    this.#metrics?.saves.inc({ state, outcome: 'ok' })
    this.#upkeep.afterSave(head)
  }

  #countFailure(error: unknown): void {
    this.#metrics?.saves.inc({ state: this.name, outcome: outcomeOf(error) })
  }
}

function* pagesOf(names: readonly string[]): Iterable<string[]> {
  for (let at = 0; at < names.length; at += HISTORY_PAGE) yield names.slice(at, at + HISTORY_PAGE)
}

function isDamage(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'STATE_DAMAGED'
}

async function isDamagedAtOpen(open: () => Promise<StateStore>): Promise<boolean> {
  try {
    const store = await open()
    await store.close()
    return false
  } catch (error) {
    if (isDamage(error)) return true
    throw error
  }
}

function wrongLineage(given: string, own: string): HoldfastError {
  return new HoldfastError('WRONG_LINEAGE', `the state to save has the lineage ${given}, this one ${own}`)
}

/** A document without a lineage, or without a serial, is not compared by it. @throws WRONG_LINEAGE */
function assertSuccessor(from: Pick<ImportedState, 'lineage' | 'serial'>, own: { lineage: string; serial: number }) {
  if (from.lineage !== null && from.lineage !== own.lineage) {
    throw refusedImport(`the document has the lineage ${from.lineage}, the state has the lineage ${own.lineage}`)
  }
  if (from.serial !== null && from.serial < own.serial) {
    throw refusedImport(`the document has the serial ${from.serial}, the state has the higher serial ${own.serial}`)
  }
}

function refusedImport(message: string): HoldfastError {
  return new HoldfastError('WRONG_LINEAGE', message, {
    hint: 'Nothing was changed. To replace the builds of the state all the same, import with --force.',
  })
}
