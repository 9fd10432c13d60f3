/**
 * A state in one SQLite file (docs/reference/state-format.md), shared by any number of processes of one machine. A
 * save is one transaction with `synchronous=FULL`: the bytes are on the disk when it resolves, the fences are checked
 * within it.
 */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createGuard, type Guard, type GuardOptions } from '../../base/index.ts'
import { isBusy, isTransientFailure, openInPlace, WriteQueue, type FileInPlace } from '../../storage/index.ts'
import { noSuchSerial, StaleStateError } from '../errors.ts'
import type {
  BuildEntry,
  Damage,
  Fence,
  SaveRecord,
  SaveRequest,
  SnapshotPage,
  StateHead,
  StateStore,
  StateStoreCapabilities,
  StoredBuild,
} from '../state-store.ts'
import { applySave } from './apply-save.ts'
import { buildsOfNewest, buildsSince, changedSince } from './changes.ts'
import { COMPACTION, takeSteps } from './compaction.ts'
import { translate } from './errors.ts'
import { Fences } from './fences.ts'
import { NewestSave, stateHead } from './newest-save.ts'
import { schemaOfNewState } from './schema.ts'
import { copySnapshot, PAGE, pageOf, snapshotOf } from './snapshot.ts'
import { StateFile } from './state-file.ts'
import type { Undo } from './saves.ts'
import { loadVersion, tablesOf, type Tables } from './tables.ts'
import { verifyFile } from './verify.ts'
import { StateError } from '../errors.ts'

export interface SqliteStateOptions extends Pick<GuardOptions, 'onRetry' | 'onCircuit'> {
  /** Name of the lock whose holders may save. */
  lock: string
  /** Old serials that are kept. */
  keepSerials: number
}

export class SqliteState implements StateStore {
  readonly capabilities: StateStoreCapabilities = { maxBuildBytes: 500_000_000 }
  readonly location: string
  readonly #options: SqliteStateOptions
  readonly #tables: Tables
  readonly #fences: Fences
  readonly #newest: NewestSave
  readonly #writes: WriteQueue
  readonly #guard: Guard
  readonly #file: StateFile
  readonly #begin: StatementSync
  readonly #commit: StatementSync

  private constructor(path: string, connection: DatabaseSync, file: FileInPlace, options: SqliteStateOptions) {
    this.location = path
    this.#options = options
    this.#tables = tablesOf(path, connection)
    this.#fences = new Fences(this.#tables.meta, options.lock)
    this.#newest = new NewestSave(this.#tables)
    // Whoever saves has gathered what goes together already.
    this.#writes = new WriteQueue(connection, { isEager: true })
    this.#begin = connection.prepare('BEGIN')
    this.#commit = connection.prepare('COMMIT')
    this.#file = new StateFile(file)
    const { onRetry, onCircuit } = options
    this.#guard = createGuard({
      subject: `the state in ${path}`,
      isTransient: isTransientFailure,
      ...(onRetry && { onRetry }),
      ...(onCircuit && { onCircuit }),
    })
  }

  /**
   * Opens a state's file, making it when it is missing.
   * @throws STATE_DAMAGED when it is not a state or its newest save is damaged; STATE_TOO_NEW; NO_SPACE.
   */
  static async open(path: string, options: SqliteStateOptions): Promise<SqliteState> {
    let connection: DatabaseSync | null = null
    try {
      const opened = await openInPlace(path, { durability: 'full', schema: schemaOfNewState() })
      connection = opened.connection
      const state = new SqliteState(path, connection, opened.file, options)
      state.#newest.row()
      return state
    } catch (error) {
      connection?.close()
      throw translate(error, path)
    }
  }

  async head(): Promise<StateHead> {
    this.#assertInPlace()
    return this.#guarded(() => this.#newest.head())
  }

  async get(name: string): Promise<StoredBuild | null> {
    return this.#read(() => {
      const head = this.#tables.heads.get(name)
      return head && loadVersion(this.#tables, head)
    })
  }

  async *snapshot(): AsyncIterable<SnapshotPage> {
    const small = await this.#read(() => {
      const head = this.#newest.head()
      return head.buildCount <= PAGE ? { head, builds: pageOf(this.#tables, -1).builds } : null
    })
    if (small) yield small
    else yield* snapshotOf(this.location)
  }

  async list({ after = '', limit, status }: Parameters<StateStore['list']>[0]): Promise<BuildEntry[]> {
    return this.#read(() => this.#tables.heads.list(after, limit, status))
  }

  async changedSince(serial: number): Promise<Set<string> | null> {
    return this.#read(() => changedSince(this.#tables, this.#newest.row(), serial))
  }

  async changesSince(serial: number, limit: number): Promise<{ head: StateHead; builds: StoredBuild[] } | null> {
    this.#assertInPlace()
    return this.#guarded(() => {
      const newest = this.#newest.row()
      const news = (newest?.serial ?? 0) === serial ? [] : buildsOfNewest(this.#tables, newest, serial)
      if (news && news.length <= limit) return { head: this.#newest.head(), builds: news }
      return this.#inTransaction(() => {
        const builds = buildsSince(this.#tables, this.#newest.row(), serial, limit)
        return builds && { head: this.#newest.head(), builds }
      })
    })
  }

  async save(base: number, chain: readonly SaveRequest[], fences: readonly Fence[]): Promise<StateHead> {
    const saved = await this.#write(
      () => {
        let row = this.#newest.row()
        const mark = this.#newest.mark()
        // If it has our id, it is our own save, whose answer was lost.
        if (row === null || row.id !== chain.at(-1)?.id) {
          if ((row?.serial ?? 0) !== base) throw new StaleStateError(base, row?.serial ?? 0)
          const token = this.#fences.admit(row, fences)
          for (const request of chain) row = applySave(this.#tables, row, request, token)
        }
        return { row, head: stateHead(this.#tables, row), mark }
      },
      this.#fences.isOwnAmong(fences) ? fences : undefined,
    )
    this.#newest.replace(saved)
    return saved.head
  }

  /**
   * Makes an empty save, with a serial of at least this: after a restore serials go on above all that were seen.
   * @throws STALE_STATE, LOCK_LOST, NO_SPACE.
   */
  async skipTo(serial: number, request: Omit<SaveRequest, 'put' | 'remove'>, fences: readonly Fence[]) {
    return this.#write(() => {
      const newest = this.#newest.row()
      if (newest && serial <= newest.serial) throw new StaleStateError(serial, newest.serial)
      const token = this.#fences.admit(newest, fences)
      const { id, at, who, operation } = request
      const { builds = 0, digest = 0 } = newest ?? {}
      const row = { serial, id, at, who, operation, token, builds, digest }
      this.#tables.saves.append(row, [], null)
      return stateHead(this.#tables, row)
    })
  }

  async raiseFence(fence: Fence): Promise<void> {
    await this.#write(() => {
      this.#fences.admit(this.#newest.row(), [fence])
      this.#tables.meta.setFence(fence.lock, fence.token)
    })
  }

  async fenceOf(lock: string): Promise<number> {
    this.#assertInPlace()
    // Tokens only grow, so the two may be of different moments.
    return this.#guarded(() => this.#fences.highest(this.#newest.row(), lock))
  }

  async history({ limit, build }: Parameters<StateStore['history']>[0]): Promise<SaveRecord[]> {
    return this.#read(() => {
      const records: SaveRecord[] = []
      for (const record of this.#tables.saves.downwards()) {
        if (records.length >= limit) break
        if (build === undefined || record.changed.includes(build)) records.push(record)
      }
      return records
    })
  }

  async getAt(serial: number, names: readonly string[]): Promise<Map<string, StoredBuild>> {
    return this.#read(() => {
      const undos = this.#undosSince(serial, new Set(names))
      const found = new Map<string, StoredBuild>()
      for (const name of names) {
        const undo = undos.get(name)
        const version = undo ? undo.previous && { ...undo.previous, name } : this.#tables.heads.get(name)
        if (version) found.set(name, loadVersion(this.#tables, version))
      }
      return found
    })
  }

  /**
   * Of each build the first save after a serial that touched it, which knows what was there before.
   * @throws NO_SUCH_SERIAL.
   */
  #undosSince(serial: number, names: ReadonlySet<string>): Map<string, Undo> {
    const newest = this.#newest.row()?.serial ?? 0
    const undos = new Map<string, Undo>()
    let saves = 0
    for (const save of this.#tables.saves.after(serial)) {
      saves += 1
      for (const undo of save.undo) if (names.has(undo.name) && !undos.has(undo.name)) undos.set(undo.name, undo)
    }
    if (serial < 0 || serial > newest || saves !== newest - serial) throw noSuchSerial(serial, newest)
    return undos
  }

  async verify(): Promise<Damage[]> {
    this.#assertInPlace()
    return this.#guarded(() => verifyFile(this.location))
  }

  /** Copies the state as one save left it into a file that did not exist. Saves go on meanwhile. */
  async copyTo(path: string): Promise<void> {
    this.#assertInPlace()
    await this.#guarded(() => copySnapshot(this.location, path))
  }

  async compact(isAtRest: boolean): Promise<void> {
    for (const step of COMPACTION) {
      while (await this.#write(() => takeSteps(step, this.#tables, this.#options.keepSerials))) await nextTurn()
    }
    if (isAtRest) this.truncateLog()
  }

  async sizeBytes(): Promise<number> {
    const parts = [this.location, `${this.location}-wal`].filter((path) => existsSync(path))
    const sizes = await Promise.all(parts.map(async (path) => (await stat(path)).size))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  async close(): Promise<void> {
    if (this.#tables.connection.isOpen) this.#tables.connection.close()
  }

  /**
   * Writes back what is only in the log and gives back the log's bytes; left for another time while another process
   * reads or writes. Not done between saves: writing over an old log needs one wait for the disk, growing a new one
   * needs two.
   */
  truncateLog(): void {
    try {
      this.#tables.connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!isBusy(error)) throw error
    }
  }

  /** Runs reads of one moment: within a transaction, so that no save comes between them. */
  async #read<T>(operation: () => T): Promise<T> {
    this.#assertInPlace()
    return this.#guarded(() => this.#inTransaction(operation))
  }

  #inTransaction<T>(operation: () => T): T {
    this.#begin.run()
    try {
      return operation()
    } finally {
      this.#commit.run()
    }
  }

  #write<T>(operation: () => T, holder?: readonly Fence[]): Promise<T> {
    return this.#guarded(async () => {
      // Inside the guard: a restore may have come while this waited for its turn.
      this.#assertInPlace(holder)
      return this.#writes.run(() => this.#newest.duringWrite(operation))
    })
  }

  async #guarded<T>(task: () => T | Promise<T>): Promise<T> {
    try {
      return await this.#guard.run(task)
    } catch (error) {
      throw translate(error, this.location)
    }
  }

  /** @param holder The fences of a holder of the state's lock, when one asks. @throws NOT_READY; STATE_REPLACED. */
  #assertInPlace(holder?: readonly Fence[]): void {
    if (!this.#tables.connection.isOpen) throw new StateError('NOT_READY', 'the state is closed')
    if (holder) this.#file.assertFor(holder)
    else this.#file.assert()
  }
}
