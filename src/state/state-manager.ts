/**
 * The way to a state. Nothing else saves: every save is made under the state's lock, on the newest serial, and is
 * refused by the store itself when a later holder of the lock is at work.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError, MAX_TIMER_MS } from '../base/index.ts'
import type { HeldLock, Lock } from '../lock/index.ts'
import { BackupKeeper } from './backups.ts'
import type { Build } from './build.ts'
import { buildOf, Committer, type WholeState } from './committer.ts'
import { diffBuilds, type BuildDiff } from './diff.ts'
import { writeDocument, type ImportedState } from './document.ts'
import type { Draft } from './draft.ts'
import type { Backup, Engine } from './engine.ts'
import { noSuchSerial, StaleStateError } from './errors.ts'
import { LayeredMap } from './layered-map.ts'
import { outcomeOf, registerStateMetrics, type StateMetrics } from './metrics.ts'
import { openState, type OpenedState } from './open-state.ts'
import { backupsOf } from './restore.ts'
import { StateLock } from './state-lock.ts'
import type { ReplaceOptions, StateLockOptions, StateManagerOptions, UpdateOptions } from './state-manager-options.ts'
import type { BuildEntry, Damage, SaveRecord, StateHead, StateStore } from './state-store.ts'
import { State } from './state.ts'
import { Upkeep } from './upkeep.ts'
import { UpdateQueue, type Update } from './update-queue.ts'
import { StateError } from './errors.ts'

const DEFAULT_WAIT_MS = 60_000
/**
 * Within this time a turn of ours with the lock ends when it is wanted, if no change that waits for something is in
 * it.
 */
const OWN_TURN_MS = 1000
const LIST_PAGE = 1000
/** Old versions that are looked up together: each look goes through the saves since then. */
const HISTORY_PAGE = 2000

/**
 * One state of an engine. One manager may be used by any number of callers at once, and any number of managers in any
 * number of processes may work on one state: no acknowledged save is lost, no reader sees half a save, savers get their
 * turns in the order in which they asked. A save is on the disk when its promise resolves.
 *
 * A save whose promise rejects has changed nothing, with one exception: when the machine fails at the moment of the
 * commit, the error says so and the save may or may not be there.
 */
export class StateManager implements AsyncDisposable {
  readonly #opened: OpenedState
  readonly #store: StateStore
  readonly #committer: Committer
  readonly #metrics: StateMetrics | null
  readonly #upkeep: Upkeep
  readonly #lock: StateLock
  readonly #free: UpdateQueue
  readonly #held = new WeakMap<Lock, UpdateQueue>()
  /** Queues that may have something to do. */
  readonly #atWork = new Set<UpdateQueue>()
  #closing: Promise<void> | null = null

  private constructor(opened: OpenedState, options: StateManagerOptions) {
    const { name, engine, store, locks } = opened
    const { backups = {}, log = null } = options
    this.#opened = opened
    this.#store = store
    this.#metrics = options.metrics ? registerStateMetrics(options.metrics) : null
    this.#metrics?.sources.set(store, name)
    const keeper = new BackupKeeper(backups === false ? null : engine.backups, name, backups === false ? {} : backups)
    this.#upkeep = new Upkeep({ name, store, backups: keeper, locks, log, metrics: this.#metrics })
    this.#committer = new Committer(store, (head, startedAtMs) => this.#saved(head, startedAtMs))
    const isWithin = (options.within ?? []).length > 0
    this.#lock = new StateLock({ name, store, locks, committer: this.#committer, isWithin, log })
    this.#free = new UpdateQueue((signal) => this.#lock.enter(signal))
  }

  /**
   * Opens a state, creating it when it is missing.
   * @param location An engine, or where one is: a data folder or a URL.
   * @throws INVALID_REQUEST for a bad name or location, or when no serial is to be kept; NOT_FOUND when it
   * `mustExist` and does not; STATE_DAMAGED (unless `autoRestore` finds a good backup); STATE_TOO_NEW;
   * DATA_FOLDER_UNUSABLE; NO_SPACE.
   */
  static async open(location: string | Engine, options: StateManagerOptions = {}): Promise<StateManager> {
    return new StateManager(await openState(location, options), options)
  }

  get name(): string {
    return this.#opened.name
  }

  /** Where the state is kept, for messages. */
  get location(): string {
    return this.#store.location
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
   * @throws what `change` threw; LOCK_DAMAGED; LOCK_TIMEOUT after `waitMs`; LOCK_LOST when `lock` is no longer the
   * caller's; NO_SPACE; STATE_DAMAGED; STATE_REPLACED; the signal's reason.
   */
  async update<T>(change: (draft: Draft) => T | Promise<T>, options: UpdateOptions = {}): Promise<T> {
    const { value } = await this.#submit(change, options, false)
    return value
  }

  /**
   * Saves the changes that `state.with` and `state.without` made, as one serial, if no other save came since it was
   * loaded.
   * @returns the state at its new serial; the same one when it has no changes.
   * @throws STALE_STATE when another save came; otherwise as `update`.
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
   * that lock go through; a part's lock only guards saves that name it. Waits 60 s if not told
   * otherwise.
   * @throws as `LockManager.acquire`.
   */
  async lock({ scope, ...options }: StateLockOptions): Promise<Lock> {
    if (scope === undefined) await this.#ownTurnOver(options)
    return this.#lock.acquire(scope, { waitMs: DEFAULT_WAIT_MS, ...options })
  }

  /**
   * The holder of the whole state's lock, even if its process is gone; null when it is free. Of holders within
   * one another the innermost. Holders of parts are not told.
   */
  holder(): Promise<HeldLock | null> {
    return this.#lock.holder()
  }

  /** The kept saves, newest first; with `build`, only the saves that changed it. */
  history(options: { limit: number; build?: string }): Promise<SaveRecord[]> {
    return this.#store.history(options)
  }

  /** A build as it was at a serial, or null. @throws NO_SUCH_SERIAL when that is not kept. */
  async getAt(serial: number, name: string): Promise<Build | null> {
    return (await this.#allAt(serial, [name])).get(name) ?? null
  }

  /**
   * The changes by the saves after `from`, up to and with `to`, changed.
   * @throws NO_SUCH_SERIAL when either is not kept.
   */
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
   * Makes the state hold these builds and no others, or these and the others with `keepOthers`. @returns the new
   * serial.
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
    return backupsOf(this.#opened.engine).create(this.name)
  }

  /** The state's backups, newest first; none where the engine keeps none. */
  async listBackups(): Promise<Backup[]> {
    return (await this.#opened.engine.backups?.list(this.name)) ?? []
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
    await this.#opened.locks.close()
    await this.#store.close()
    if (this.#opened.ownsEngine) await this.#opened.engine.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #submit<T>(
    apply: (draft: Draft) => T | Promise<T>,
    options: UpdateOptions,
    isFree: boolean,
  ): Promise<{ value: T; serial: number }> {
    if (this.#closing) return Promise.reject(new StateError('NOT_READY', 'the state is closed'))
    const { operation = 'update', waitMs = DEFAULT_WAIT_MS, signal, lock } = options
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<{ value: T; serial: number }>()
    const isWholeLock = lock?.name === this.#lock.name
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
      expire: () => void this.#lock.timeoutAfter(waitMs).then((error) => update.settle({ error })),
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

  /** Our own saves may have the lock for a moment, also when a caller does not want to wait. */
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
    const queue = new UpdateQueue(async () => this.#lock.turnOf(lock))
    this.#held.set(lock, queue)
    for (const other of this.#atWork) if (other.isIdle) this.#atWork.delete(other)
    return queue
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

function wrongLineage(given: string, own: string): HoldfastError {
  return new StateError('WRONG_LINEAGE', `the state to save has the lineage ${given}, this one ${own}`)
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
  return new StateError('WRONG_LINEAGE', message, {
    hint: 'Nothing was changed. To replace the builds of the state all the same, import with --force.',
  })
}
