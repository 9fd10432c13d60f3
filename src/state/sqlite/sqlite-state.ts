/**
 * A state in one SQLite file (docs/reference/state-format.md), shared by any number of processes of one machine. A save is
 * one transaction with `synchronous=FULL`: the bytes are on the disk when it resolves, the fences are checked within it.
 */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { backup, type DatabaseSync, type StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createGuard, HoldfastError, type Guard, type GuardOptions } from '../../base/index.ts'
import { LockLostError } from '../../lock/index.ts'
import { isBusy, isTransientFailure, openSqliteFile, WriteQueue } from '../../storage/index.ts'
import { noSuchSerial, StaleStateError, StateDamagedError } from '../errors.ts'
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
import { COMPACTION } from './compaction.ts'
import { translate } from './errors.ts'
import { FileInPlace } from './file-in-place.ts'
import { digestOf, Heads, type Head } from './heads.ts'
import { Meta } from './meta.ts'
import { PackMoves } from './pack-moves.ts'
import { PackDamage, Packs, type Place } from './packs.ts'
import { SaveLog, type SaveRow, type Undo } from './saves.ts'
import { MISSING_IN_FORMAT_1, schemaOfNewState } from './schema.ts'
import { verifyTables } from './verify.ts'

/** No data_version: read again. */
const NEVER = -1
/** Builds of one page of a snapshot: some milliseconds of work. */
const PAGE = 1000
/** How many heads can be looked through in the time that it takes to read the record of one save. */
const HEADS_PER_SAVE = 64
/** How many heads can be looked through in the time that it takes to look one up by its name. */
const HEADS_PER_LOOKUP = 40

export interface SqliteStateOptions {
  /** Name of the lock whose holders may save. */
  lock: string
  /** Old serials that are kept. */
  keepSerials: number
  /** Whom to tell of retries and of the circuit. */
  watch?: Pick<GuardOptions, 'onRetry' | 'onCircuit'>
}

export interface Tables {
  connection: DatabaseSync
  meta: Meta
  saves: SaveLog
  heads: Heads
  packs: Packs
  moves: PackMoves
}

export class SqliteState implements StateStore {
  readonly capabilities: StateStoreCapabilities = { history: 'kept', maxChanges: Infinity, maxBuildBytes: 500_000_000 }
  readonly location: string
  readonly #options: SqliteStateOptions
  readonly #tables: Tables
  readonly #writes: WriteQueue
  readonly #guard: Guard
  readonly #file: FileInPlace
  readonly #dataVersion: StatementSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  #newest: SaveRow | null = null
  #newestHead: StateHead | null = null
  #seenVersion = NEVER

  private constructor(path: string, connection: DatabaseSync, options: SqliteStateOptions) {
    this.location = path
    this.#options = options
    this.#tables = tablesOf(connection)
    // Whoever saves has gathered what goes together already.
    this.#writes = new WriteQueue(connection, { isEager: true })
    this.#dataVersion = connection.prepare('PRAGMA data_version')
    this.#begin = connection.prepare('BEGIN')
    this.#commit = connection.prepare('COMMIT')
    this.#file = new FileInPlace(path)
    this.#guard = createGuard({ subject: `the state in ${path}`, isTransient: isTransientFailure, ...options.watch })
  }

  /**
   * Opens a state's file, making it when it is missing.
   * @throws STATE_DAMAGED when it is no state or its newest save is damaged; STATE_TOO_NEW; NO_SPACE.
   */
  static async open(path: string, options: SqliteStateOptions): Promise<SqliteState> {
    let connection: DatabaseSync | null = null
    try {
      connection = await openSqliteFile(path, { durability: 'full', schema: schemaOfNewState() })
      const state = new SqliteState(path, connection, options)
      if (state.#tables.meta.isOld()) await state.#write(() => state.#upgrade())
      state.#readHead()
      return state
    } catch (error) {
      connection?.close()
      throw translate(error, path)
    }
  }

  async head(): Promise<StateHead> {
    this.#assertInPlace()
    return this.#guarded(() => this.#currentHead())
  }

  async get(name: string): Promise<StoredBuild | null> {
    return this.#read(() => {
      const head = this.#tables.heads.get(name)
      return head && this.#load(head)
    })
  }

  async *snapshot(): AsyncIterable<SnapshotPage> {
    const small = await this.#read(() => {
      const head = this.#head(this.#readHead())
      return head.buildCount <= PAGE ? { head, builds: this.#page(this.#tables, -1).builds } : null
    })
    if (small) yield small
    else yield* this.#pages()
  }

  async list({ after = '', limit, status }: Parameters<StateStore['list']>[0]): Promise<BuildEntry[]> {
    return this.#read(() => this.#tables.heads.list(after, limit, status))
  }

  async changedSince(serial: number): Promise<Set<string> | null> {
    return this.#read(() => this.#changedSince(serial))
  }

  async changesSince(serial: number, limit: number): Promise<{ head: StateHead; builds: StoredBuild[] } | null> {
    this.#assertInPlace()
    return this.#guarded(() => {
      const known = this.#newestHead
      if (known?.serial === serial && !this.#hasNews()) return { head: known, builds: [] }
      return this.#inTransaction(() => {
        const heads = this.#headsSince(serial, limit)
        return heads && { head: this.#currentHead(), builds: heads.map((head) => this.#load(head)) }
      })
    })
  }

  async save(base: number, chain: readonly SaveRequest[], fences: readonly Fence[]): Promise<StateHead> {
    let row: SaveRow | null = null
    let version = NEVER
    const holder = fences.find(({ lock }) => lock === this.#options.lock)
    const head = await this.#write(() => {
      row = this.#readHead()
      version = this.#seenVersion
      // Our own save, whose answer was lost.
      if (row && row.id === chain.at(-1)?.id) return this.#head(row)
      if ((row?.serial ?? 0) !== base) throw new StaleStateError(base, row?.serial ?? 0)
      const token = this.#checkFences(row, fences)
      for (const request of chain) row = this.#apply(row, request, token)
      return this.#head(row)
    }, holder)
    // Own writes do not change data_version: as long as nobody else writes this is the newest save.
    this.#newest = row
    this.#newestHead = head
    this.#seenVersion = version
    return head
  }

  async skipTo(serial: number, request: Omit<SaveRequest, 'put' | 'remove'>, fences: readonly Fence[]) {
    return this.#write(() => {
      const newest = this.#readHead()
      if (newest && serial <= newest.serial) throw new StaleStateError(serial, newest.serial)
      const token = this.#checkFences(newest, fences)
      const { id, at, who, operation } = request
      const { builds = 0, digest = 0 } = newest ?? {}
      const row = { serial, id, at, who, operation, token, builds, digest }
      this.#tables.saves.append(row, [], null)
      return this.#head(row)
    })
  }

  async raiseFence(fence: Fence): Promise<void> {
    await this.#write(() => {
      this.#checkFences(this.#readHead(), [fence])
      this.#tables.meta.setFence(fence.lock, fence.token)
    })
  }

  async fenceOf(lock: string): Promise<number> {
    return this.#read(() => this.#highestToken(this.#readHead(), lock))
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

  async getAt(serial: number, name: string): Promise<StoredBuild | null> {
    return this.#read(() => {
      const newest = this.#readHead()?.serial ?? 0
      const saves = [...this.#tables.saves.after(serial)]
      if (serial < 0 || serial > newest || saves.length !== newest - serial) throw noSuchSerial(serial, newest)
      // The first save after it that touched the build knows what was there before.
      const undo = saves.flatMap((save) => save.undo).find((entry) => entry.name === name)
      if (undo) return undo.previous && this.#load({ ...undo.previous, name })
      const head = this.#tables.heads.get(name)
      return head && this.#load(head)
    })
  }

  async verify(): Promise<Damage[]> {
    this.#assertInPlace()
    return verifyTables(this.#tables)
  }

  async copyTo(path: string): Promise<void> {
    this.#assertInPlace()
    await this.#guard.run(() => backup(this.#tables.connection, path, { rate: 1000 }))
  }

  async compact(isAtRest: boolean): Promise<void> {
    for (const step of COMPACTION) {
      while (await this.#write(() => step(this.#tables, this.#options.keepSerials))) await nextTurn()
    }
    if (isAtRest) this.#truncateLog()
  }

  async sizeBytes(): Promise<number> {
    const parts = [this.location, `${this.location}-wal`].filter((path) => existsSync(path))
    const sizes = await Promise.all(parts.map(async (path) => (await stat(path)).size))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  async close(): Promise<void> {
    if (this.#tables.connection.isOpen) this.#tables.connection.close()
  }

  /** A connection of its own whose one read transaction goes on while others save. */
  async *#pages(): AsyncIterable<SnapshotPage> {
    const connection = await openSqliteFile(this.location, { durability: 'full', readOnly: true })
    try {
      connection.exec('BEGIN')
      const tables = tablesOf(connection)
      const head = this.#head(tables.saves.newest())
      for (let after = -1, isLast = false; !isLast;) {
        const page = this.#page(tables, after)
        if (page.builds.length > 0) yield { head, builds: page.builds }
        after = page.last
        isLast = page.builds.length < PAGE
        await nextTurn()
      }
    } catch (error) {
      throw translate(error, this.location)
    } finally {
      connection.close()
    }
  }

  #page({ heads, packs }: Tables, after: number): { builds: StoredBuild[]; last: number } {
    const page = heads.scan(after, PAGE)
    // Pack by pack, so that none is unpacked twice for one page.
    const texts = new Map(page.toSorted((a, b) => a.pack - b.pack).map((head) => [head, this.#load(head, packs)]))
    const builds = page.map((head) => texts.get(head)).filter((build) => build !== undefined)
    return { builds, last: page.at(-1)?.number ?? after }
  }

  /** The heads that are newer than a serial: by a look at all of them where that is quicker than reading the saves. */
  #headsSince(serial: number, limit: number): Head[] | null {
    const { serial: now = 0, builds = 0 } = this.#readHead() ?? {}
    if (serial > now) return null
    const scan = () => {
      const heads = this.#tables.heads.since(serial, limit + 1)
      return heads.length > limit ? null : heads
    }
    if (builds <= (now - serial) * HEADS_PER_SAVE) return scan()
    const names = this.#changedSince(serial)
    if (!names || names.size > limit) return null
    if (builds <= names.size * HEADS_PER_LOOKUP) return scan()
    return [...names].map((name) => this.#tables.heads.get(name)).filter((head) => head !== null)
  }

  #changedSince(serial: number): Set<string> | null {
    const newest = this.#readHead()?.serial ?? 0
    const saves = [...this.#tables.saves.after(serial)]
    const isComplete = serial <= newest && saves.length === newest - serial
    return isComplete ? new Set(saves.flatMap(({ undo }) => undo.map(({ name }) => name))) : null
  }

  #upgrade(): void {
    const { connection, meta } = this.#tables
    // Another process may have been quicker.
    if (!meta.isOld()) return
    connection.exec(MISSING_IN_FORMAT_1)
    meta.setCurrent()
  }

  /**
   * Writes back what is only in the log and gives back the log's bytes; left for another time while somebody else reads or
   * writes. Not done between saves: writing over an old log needs one wait for the disk, growing a new one needs two.
   */
  #truncateLog(): void {
    try {
      this.#tables.connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!isBusy(error)) throw error
    }
  }

  #apply(before: SaveRow | null, request: SaveRequest, token: number): SaveRow {
    const { heads, packs, saves } = this.#tables
    const serial = (before?.serial ?? 0) + 1
    const undo: Undo[] = []
    let { builds = 0, digest = 0 } = before ?? {}
    const { places, small } = packs.write(serial, request.put)
    const isEmpty = builds === 0
    for (const [index, { name, status }] of request.put.entries()) {
      const place = places[index]
      if (!place) throw new Error('a build was not packed')
      const old = isEmpty ? null : heads.get(name)
      const head = { name, status, serial, ...place }
      if (old) {
        heads.update({ ...head, number: old.number })
        digest ^= digestOf(old)
      } else {
        heads.insert(head)
        builds += 1
      }
      digest ^= digestOf(head)
      undo.push({ name, previous: old })
    }
    for (const name of request.remove) {
      const old = heads.get(name)
      if (!old) continue
      heads.delete(old)
      builds -= 1
      digest ^= digestOf(old)
      undo.push({ name, previous: old })
    }
    const { id, at, who, operation } = request
    const row = { serial, id, at, who, operation, token, builds, digest: digest >>> 0 }
    saves.append(row, undo, small)
    return row
  }

  /** @returns the highest token of the state's own lock, for the record of the save. */
  #checkFences(newest: SaveRow | null, fences: readonly Fence[]): number {
    for (const { lock, token } of fences) {
      const highest = this.#highestToken(newest, lock)
      if (token >= highest) continue
      throw new LockLostError(lock, `a later holder (fencing token ${highest}, ours is ${token}) is at work`)
    }
    for (const { lock, token } of fences) {
      const isKeptBySave = lock === this.#options.lock
      if (!isKeptBySave && this.#tables.meta.fence(lock) < token) this.#tables.meta.setFence(lock, token)
    }
    const own = fences.find(({ lock }) => lock === this.#options.lock)?.token ?? 0
    return Math.max(own, newest?.token ?? 0)
  }

  #highestToken(newest: SaveRow | null, lock: string): number {
    const registered = this.#tables.meta.fence(lock)
    return lock === this.#options.lock ? Math.max(registered, newest?.token ?? 0) : registered
  }

  #head(newest: SaveRow | null): StateHead {
    return {
      lineage: this.#tables.meta.lineage,
      serial: newest?.serial ?? 0,
      buildCount: newest?.builds ?? 0,
      fencingToken: this.#highestToken(newest, this.#options.lock),
    }
  }

  /** The newest save, read again only when another connection wrote since. */
  #readHead(): SaveRow | null {
    const version = this.#version()
    if (version !== this.#seenVersion) {
      this.#tables.meta.forgetFences()
      this.#newest = this.#tables.saves.newest()
      this.#newestHead = null
      this.#seenVersion = version
    }
    return this.#newest
  }

  #currentHead(): StateHead {
    const newest = this.#readHead()
    return (this.#newestHead ??= this.#head(newest))
  }

  /** Whether another connection wrote since the newest save was read. */
  #hasNews(): boolean {
    return this.#version() !== this.#seenVersion
  }

  #version(): number {
    return (this.#dataVersion.get() as { data_version: number }).data_version
  }

  #load(head: Place & { name: string; serial: number }, packs = this.#tables.packs): StoredBuild {
    try {
      return { name: head.name, serial: head.serial, body: packs.read(head.name, head) }
    } catch (error) {
      if (!(error instanceof PackDamage)) throw error
      throw new StateDamagedError(this.location, `the build ${head.name}: ${error.message}`, {
        details: { build: head.name },
        cause: error,
      })
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

  async #write<T>(operation: () => T, holder?: Fence): Promise<T> {
    return this.#guarded(async () => {
      // Inside the guard: a restore may have come while this waited for its turn.
      this.#assertInPlace(holder)
      try {
        return await this.#writes.run(operation)
      } finally {
        // Own writes do not change data_version, and what was read within one that failed may never have been.
        this.#seenVersion = NEVER
      }
    })
  }

  async #guarded<T>(task: () => T | Promise<T>): Promise<T> {
    try {
      return await this.#guard.run(task)
    } catch (error) {
      throw translate(error, this.location)
    }
  }

  /** @param holder The fence of the state's lock, when its holder asks. @throws NOT_READY; STATE_REPLACED. */
  #assertInPlace(holder?: Fence): void {
    if (!this.#tables.connection.isOpen) throw new HoldfastError('NOT_READY', 'the state is closed')
    if (holder) this.#file.assertFor(holder.token)
    else this.#file.assert()
  }
}

function tablesOf(connection: DatabaseSync): Tables {
  return {
    connection,
    meta: new Meta(connection),
    saves: new SaveLog(connection),
    heads: new Heads(connection),
    packs: new Packs(connection),
    moves: new PackMoves(connection),
  }
}
