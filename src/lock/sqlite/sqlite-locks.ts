/**
 * Locks in a SQLite file that any number of processes of one machine share. The file is `synchronous=NORMAL`: a power
 * failure may forget the newest locks, whose holders it ended as well; what must not go back then, the highest fencing
 * token, is kept by the things that check it.
 */
import type { DatabaseSync } from 'node:sqlite'
import { isNear, SELF } from '../../base/index.ts'
import { openInPlace, WriteQueue, type FileInPlace } from '../../storage/index.ts'
import type { HeldLock, LockInfo } from '../lock-info.ts'
import type { Grant, LockRequest, LockStore, LockStoreCapabilities } from '../lock-store.ts'
import { listenForBell, ringBell, stopListening } from './doorbell.ts'
import { closedMeanwhile, replaced, translate } from './errors.ts'
import { infoOf, isHeld, LockTable, SCHEMA, type Claim, type Clocks, type HeldEntry } from './lock-table.ts'
import { Lookout } from './lookout.ts'
import { ProcessTurns } from './process-turns.ts'
import { grantOf, Waiters, type Waiter } from './waiters.ts'
import { LockError } from '../errors.ts'

/** How long the file is taken to be in its place without another look: looks would be a tenth of a short use. */
const TRUST_MS = 10

/** CLOCK_MONOTONIC, which all processes since one boot share; `performance.now` counts from the process's start. */
const PROCESS_START_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now()
const CLOCKS: Clocks = { wallMs: () => Date.now(), monotonicMs: () => PROCESS_START_MS + performance.now() }

/** What a transaction found: the grant, or the holder, which may have been given the lock just now. */
type Outcome = { grant: Grant } | { holder: HeldEntry; isNew: boolean; ticket: number | null }

export class SqliteLocks implements LockStore {
  readonly capabilities: LockStoreCapabilities = { minTtlMs: 100 }
  readonly #connection: DatabaseSync
  readonly #file: FileInPlace
  readonly #table: LockTable
  readonly #writes: WriteQueue
  readonly #waiters = new Waiters()
  readonly #turns = new ProcessTurns()
  readonly #lookout: Lookout
  readonly #answerBell = () => this.#lookout.look()
  #isListening = false
  #trustedUntilMs = 0
  #isClosing = false

  private constructor(connection: DatabaseSync, file: FileInPlace, clocks: Clocks) {
    this.#connection = connection
    this.#file = file
    this.#table = new LockTable(connection, clocks)
    this.#writes = new WriteQueue(connection)
    this.#lookout = new Lookout({
      table: this.#table,
      waiters: this.#waiters,
      write: (operation) => this.#write(operation),
      failure: () => (this.isReplaced() ? replaced(file.path) : null),
      explain: (error) => this.#explain(error),
      onDelivered: (lock) => this.#turns.begin(lock),
      onPassedOn: (holder) => this.#tell(holder),
    })
  }

  /** Opens the file, making it when it is missing. @throws LOCK_DAMAGED when it is not a SQLite database. */
  static async open(path: string, clocks: Clocks = CLOCKS): Promise<SqliteLocks> {
    try {
      const { connection, file } = await openInPlace(path, {
        durability: 'normal',
        pageBytes: 2048,
        logBytes: 4_000_000,
        canShrink: false,
        schema: SCHEMA,
      })
      return new SqliteLocks(connection, file, clocks)
    } catch (error) {
      throw translate(error, path)
    }
  }

  isReplaced(): boolean {
    return !this.#file.isInPlace()
  }

  async acquire(request: LockRequest, signal?: AbortSignal): Promise<Grant | { holder: LockInfo }> {
    signal?.throwIfAborted()
    if (this.#isClosing) throw new LockError('NOT_READY', 'the locks are closed')
    this.#assertInPlace()
    const { info, ttlMs, tokenAbove, isDetached, wait } = request
    const claim: Claim = { info, ttlMs, tokenAbove, isDetached, owner: SELF }
    const waiter = this.#waiters.add(claim)
    // Before it stands in line: from then on the bell may ring.
    if (wait) this.#listen()
    try {
      const outcome = await this.#write(() => this.#claim(claim, wait), signal)
      // Whatever it was, `close` has given it up.
      if (this.#isClosing) throw closedMeanwhile()
      if ('grant' in outcome) {
        this.#turns.begin(info.name)
        return outcome.grant
      }
      if (outcome.isNew) this.#tell(outcome.holder)
      if (!wait) return { holder: infoOf(outcome.holder) }
      request.onWait?.(infoOf(outcome.holder))
      waiter.ticket = outcome.ticket
      this.#lookout.start()
      return await (signal ? this.#untilAborted(waiter, signal) : waiter.granted)
    } finally {
      this.#waiters.remove(waiter)
    }
  }

  async renew(name: string, id: string, ttlMs: number): Promise<boolean> {
    if (this.isReplaced()) return false
    return this.#write(() => {
      const entry = this.#table.read(name)
      if (!isHeld(entry) || entry.claim.info.id !== id) return false
      this.#table.extend(entry, ttlMs)
      return true
    })
  }

  async release(name: string, id: string): Promise<boolean> {
    if (!this.#isInPlace()) return false
    const released = await this.#write(() => {
      const entry = this.#table.read(name)
      return entry?.claim?.info.id === id ? { to: this.#table.release(entry, this.#heir(name)) } : null
    })
    if (released?.to) this.#tell(released.to)
    else this.#turns.end(name)
    return released !== null
  }

  async forceRelease(name: string, id: string): Promise<boolean> {
    this.#assertInPlace()
    const released = await this.#write(() => {
      const [found] = this.#table.inspect(name)
      if (!found) return null
      if (!found.entry) return found.damagedId() === id ? { to: this.#table.reset(name, found.number) } : null
      return found.entry.claim?.info.id === id ? { to: this.#table.release(found.entry) } : null
    })
    if (released?.to) this.#tell(released.to)
    return released !== null
  }

  async read(name: string): Promise<HeldLock | null> {
    return this.#heldLocks(name)[0] ?? null
  }

  async list(): Promise<HeldLock[]> {
    return this.#heldLocks()
  }

  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const left = this.#waiters.removeAll()
    await Promise.allSettled(left.map(({ claim }) => this.#giveUp(claim)))
    for (const { reject } of left) reject(closedMeanwhile())
    this.#lookout.stop()
    if (this.#isListening) stopListening(this.#answerBell)
    this.#connection.close()
  }

  #claim(claim: Claim, wait: boolean): Outcome {
    const entry = this.#table.entry(claim.info.name)
    if (entry.claim?.info.id === claim.info.id) return { grant: grantOf(entry as HeldEntry) }
    const isTaken = isHeld(entry) && this.#table.status(entry) === 'held'
    const holder = isTaken ? entry : this.#table.passOn(entry)
    if (!holder) return { grant: grantOf(this.#table.grant(entry, claim)) }
    return { holder, isNew: !isTaken, ticket: wait ? this.#table.enqueue(entry.number, claim) : null }
  }

  async #untilAborted(waiter: Waiter, signal: AbortSignal): Promise<Grant> {
    const { claim, granted, reject } = waiter
    const onAbort = () => {
      this.#waiters.remove(waiter)
      this.#giveUp(claim).then(() => reject(signal.reason), reject)
    }
    // The caller may have given up, or the lock may have arrived, during the transaction: then the lock wins.
    if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true })
    else if (this.#waiters.has(waiter)) onAbort()
    try {
      return await granted
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Leaves the line, or gives away the lock that arrived too late. */
  async #giveUp({ info: { name, id } }: Claim): Promise<void> {
    const left = await this.#write(() => this.#table.leave(this.#table.entry(name).number, id))
    if (!left) await this.release(name, id)
  }

  #listen(): void {
    if (!this.#isListening) listenForBell(this.#answerBell)
    this.#isListening = true
  }

  /** Who gets the lock next as long as this process's turn lasts: the first of its waiters. */
  #heir(lock: string): { ticket: number; claim: Claim } | undefined {
    return this.#turns.isOver(lock) ? undefined : this.#waiters.first(lock)
  }

  /** Lets a new holder know, in this process or in another of this machine. */
  #tell(holder: HeldEntry): void {
    const { owner, info } = holder.claim
    if (this.#waiters.deliver(holder)) this.#turns.use(info.name)
    else if (isNear(owner)) ringBell(owner.pid)
  }

  async #write<T>(operation: () => T, signal?: AbortSignal): Promise<T> {
    if (!this.#connection.isOpen) throw new LockError('NOT_READY', 'the locks are closed')
    try {
      return await this.#writes.run(operation, signal)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): unknown {
    return translate(error, this.#file.path)
  }

  /** @throws LOCKS_REPLACED. */
  #assertInPlace(): void {
    if (!this.#isInPlace()) throw replaced(this.#file.path)
  }

  /** As it was a moment ago. */
  #isInPlace(): boolean {
    const nowMs = performance.now()
    if (nowMs < this.#trustedUntilMs) return true
    if (this.isReplaced()) return false
    this.#trustedUntilMs = nowMs + TRUST_MS
    return true
  }

  #heldLocks(name?: string): HeldLock[] {
    this.#assertInPlace()
    try {
      return this.#describe(name)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #describe(name?: string): HeldLock[] {
    return this.#table.inspect(name).flatMap((found): HeldLock[] => {
      const { entry } = found
      const waiting = this.#table.line(found.number).map(({ claim: { info } }) => {
        return { id: info.id, operation: info.operation, who: info.who, created: info.created }
      })
      if (!entry) return [{ ...UNKNOWN, name: found.name, id: found.damagedId(), status: 'damaged', waiting }]
      return isHeld(entry) ? [{ ...infoOf(entry), status: this.#table.status(entry), waiting }] : []
    })
  }
}

const UNKNOWN = { operation: '?', who: '?', version: '?', created: '', expires: '', info: '', fencingToken: 0 }
