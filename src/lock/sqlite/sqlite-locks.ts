/**
 * Locks in a SQLite file that any number of processes of one machine share. The file is `synchronous=NORMAL`: a power
 * failure may forget the newest locks, whose holders it ended as well; what must not go back then, the highest fencing
 * token, is kept by those who check it.
 */
import type { DatabaseSync } from 'node:sqlite'
import { HoldfastError, isNear, messageOf, SELF } from '../../base/index.ts'
import {
  isBusy,
  isCorrupt,
  isDiskFull,
  isInaccessible,
  openInPlace,
  unusableFile,
  WriteQueue,
  type FileInPlace,
} from '../../storage/index.ts'
import type { HeldLock, LockInfo } from '../lock-info.ts'
import type { Grant, LockRequest, LockStore, LockStoreCapabilities } from '../lock-store.ts'
import { listenForBell, ringBell, stopListening } from './doorbell.ts'
import {
  infoOf,
  isHeld,
  LockTable,
  SCHEMA,
  type Claim,
  type Clocks,
  type HeldEntry,
  type LockEntry,
} from './lock-table.ts'

/** How often one who waits looks whether the holder has died or a ring got lost; twice that at most, at random. */
const LOOK_EVERY_MS = 150
/** A place in line that was lost is an accident, so it is looked for only so often. */
const CHECK_PLACES_EVERY_MS = 1000
/**
 * How often, and how long, a lock may go from hand to hand within one process before the first in line gets it, wherever
 * that one is. Passing it to another process takes a hundred times as long as using it for a moment, so short uses gain
 * much from it. The count is what makes turns equal; with uses longer than the time the line is strictly first come,
 * first served.
 */
const TURN_USES = 40
const TURN_MS = 10

/** How long the file is taken to be in its place without another look: looks would be a tenth of a short use. */
const TRUST_MS = 10

/** CLOCK_MONOTONIC, which all processes since one boot share; `performance.now` counts from the process's start. */
const PROCESS_START_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now()
const CLOCKS: Clocks = { wallMs: () => Date.now(), monotonicMs: () => PROCESS_START_MS + performance.now() }

interface Waiting {
  claim: Claim
  /** Its place in line; null until the first transaction is over. */
  ticket: number | null
  resolve: (grant: Grant) => void
  reject: (error: unknown) => void
}

/** What a transaction found: the grant, or who has the lock, which may be one to whom it has just been passed on. */
type Outcome = { grant: Grant } | { holder: HeldEntry; isNew: boolean; ticket: number | null }

export class SqliteLocks implements LockStore {
  readonly capabilities: LockStoreCapabilities = { minTtlMs: 100 }
  readonly #connection: DatabaseSync
  readonly #file: FileInPlace
  readonly #table: LockTable
  readonly #writes: WriteQueue
  readonly #waiting = new Map<string, Waiting>()
  /** This process's present turns with locks, by lock. */
  readonly #turns = new Map<string, { sinceMs: number; uses: number }>()
  readonly #answerBell = () => this.#look()
  #timer: NodeJS.Timeout | null = null
  #isListening = false
  #checkPlacesAtMs = 0
  #trustedUntilMs = 0
  #isClosing = false

  private constructor(connection: DatabaseSync, file: FileInPlace, clocks: Clocks) {
    this.#connection = connection
    this.#file = file
    this.#table = new LockTable(connection, clocks)
    this.#writes = new WriteQueue(connection)
  }

  /** Opens the file, making it when it is missing. @throws LOCK_DAMAGED when it is no SQLite database. */
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
    if (this.#isClosing) throw new HoldfastError('NOT_READY', 'the locks are closed')
    this.#assertInPlace()
    const { info, ttlMs, tokenAbove, isDetached, wait } = request
    const claim: Claim = { info, ttlMs, tokenAbove, isDetached, owner: SELF }
    const { promise, resolve, reject } = Promise.withResolvers<Grant>()
    // One that is answered at once is not waited for.
    promise.catch(() => {})
    const waiting: Waiting = { claim, ticket: null, resolve, reject }
    this.#waiting.set(info.id, waiting)
    // Before it stands in line: from then on the bell may ring.
    if (wait) this.#listen()
    try {
      const outcome = await this.#write(() => this.#claim(claim, wait), signal)
      // Whatever it was, `close` has given it up.
      if (this.#isClosing) throw closedMeanwhile()
      if ('grant' in outcome) {
        this.#beginTurn(info.name)
        return outcome.grant
      }
      if (outcome.isNew) this.#tell(outcome.holder)
      if (!wait) return { holder: infoOf(outcome.holder) }
      request.onWait?.(infoOf(outcome.holder))
      waiting.ticket = outcome.ticket
      this.#startLooking()
      return await (signal ? this.#untilAborted(promise, waiting, signal) : promise)
    } finally {
      this.#waiting.delete(info.id)
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
    else this.#turns.delete(name)
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
    const left = [...this.#waiting.values()]
    this.#waiting.clear()
    await Promise.allSettled(left.map(({ claim }) => this.#giveUp(claim)))
    for (const { reject } of left) reject(closedMeanwhile())
    if (this.#timer) clearTimeout(this.#timer)
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

  async #untilAborted(granted: Promise<Grant>, { claim, reject }: Waiting, signal: AbortSignal): Promise<Grant> {
    const onAbort = () => {
      this.#waiting.delete(claim.info.id)
      this.#giveUp(claim).then(() => reject(signal.reason), reject)
    }
    // The caller may have given up, or the lock may have arrived, during the transaction: then the lock wins.
    if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true })
    else if (this.#waiting.has(claim.info.id)) onAbort()
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

  #startLooking(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null
        this.#look()
        this.#mend()
        this.#checkPlaces()
        if (this.#waiting.size > 0) this.#startLooking()
      },
      LOOK_EVERY_MS * (1 + Math.random()),
    )
  }

  #listen(): void {
    if (!this.#isListening) listenForBell(this.#answerBell)
    this.#isListening = true
  }

  /** Finds which of those who wait here have been given their lock. */
  #look(): void {
    if (this.isReplaced()) for (const name of this.#waitedFor()) this.#fail(name, replaced(this.#file.path))
    for (const name of this.#waitedFor()) this.#attempt(name, () => this.#lookAt(name))
  }

  /** A look that finds the file busy is made again; one that finds it damaged ends the waits for the lock. */
  #attempt(name: string, look: () => void): void {
    try {
      look()
    } catch (error) {
      this.#failUnlessBusy(name, error)
    }
  }

  #lookAt(name: string): void {
    const [found] = this.#table.inspect(name)
    const entry = found?.entry ?? null
    if (isHeld(entry) && this.#deliver(entry)) this.#beginTurn(name)
  }

  /** @returns whether the holder was waiting here. */
  #deliver(entry: HeldEntry): boolean {
    const { id } = entry.claim.info
    const waiting = this.#waiting.get(id)
    if (!waiting) return false
    this.#waiting.delete(id)
    waiting.resolve(grantOf(entry))
    return true
  }

  /** Passes on the locks of dead holders, and puts those back in line whose place was lost. */
  #mend(): void {
    for (const name of this.#waitedFor()) {
      this.#attempt(name, () => {
        const [found] = this.#table.inspect(name)
        const isSound = found && isHeld(found.entry) && this.#table.status(found.entry) === 'held'
        if (!isSound) this.#inherit(name).catch((error: unknown) => this.#fail(name, error))
      })
    }
  }

  #checkPlaces(): void {
    if (performance.now() < this.#checkPlacesAtMs) return
    this.#checkPlacesAtMs = performance.now() + CHECK_PLACES_EVERY_MS
    for (const waiting of this.#waiting.values()) {
      if (waiting.ticket === null) continue
      this.#standAgain(waiting).catch((error: unknown) => this.#failUnlessBusy(waiting.claim.info.name, error))
    }
  }

  async #inherit(name: string): Promise<void> {
    const next = await this.#write(() => {
      const entry = this.#table.entry(name)
      return isHeld(entry) && this.#table.status(entry) === 'held' ? null : this.#table.passOn(entry)
    })
    if (next) this.#tell(next)
  }

  async #standAgain(waiting: Waiting): Promise<void> {
    const { id, name } = waiting.claim.info
    const isLost = (entry: LockEntry | null) => {
      const isInLine = entry && this.#table.line(entry.number).some(({ claim }) => claim.info.id === id)
      return !isInLine && entry?.claim?.info.id !== id && this.#waiting.has(id)
    }
    if (!isLost(this.#table.read(name))) return
    await this.#write(() => {
      const entry = this.#table.entry(name)
      if (isLost(entry)) waiting.ticket = this.#table.enqueue(entry.number, waiting.claim)
    })
  }

  #failUnlessBusy(name: string, error: unknown): void {
    if (!isBusy(error)) this.#fail(name, this.#explain(error))
  }

  #fail(name: string, error: unknown): void {
    for (const [id, { claim, reject }] of this.#waiting) {
      if (claim.info.name !== name) continue
      this.#waiting.delete(id)
      reject(error)
    }
  }

  #waitedFor(): Set<string> {
    return new Set(this.#waiting.values().map(({ claim }) => claim.info.name))
  }

  #beginTurn(name: string): void {
    this.#turns.set(name, { sinceMs: performance.now(), uses: 1 })
  }

  #isTurnOver(name: string): boolean {
    const turn = this.#turns.get(name)
    return !turn || turn.uses >= TURN_USES || performance.now() - turn.sinceMs >= TURN_MS
  }

  /** Who gets the lock next as long as this process's turn lasts: the first who waits here. */
  #heir(name: string): { ticket: number; claim: Claim } | undefined {
    if (this.#isTurnOver(name)) return undefined
    for (const { claim, ticket } of this.#waiting.values()) {
      if (ticket !== null && claim.info.name === name) return { ticket, claim }
    }
    return undefined
  }

  /** Lets a new holder know, who waits here or elsewhere on this machine. */
  #tell(holder: HeldEntry): void {
    const { owner, info } = holder.claim
    if (this.#deliver(holder)) {
      const turn = this.#turns.get(info.name)
      if (turn && !this.#isTurnOver(info.name)) turn.uses += 1
      else this.#beginTurn(info.name)
    } else if (isNear(owner)) ringBell(owner.pid)
  }

  async #write<T>(operation: () => T, signal?: AbortSignal): Promise<T> {
    if (!this.#connection.isOpen) throw new HoldfastError('NOT_READY', 'the locks are closed')
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

function replaced(path: string): HoldfastError {
  return new HoldfastError('LOCKS_REPLACED', `the file of all locks, ${path}, was removed or replaced meanwhile`, {
    hint: 'Open the locks again. All that were held are lost.',
    retryable: true,
  })
}

function closedMeanwhile(): HoldfastError {
  return new HoldfastError('NOT_READY', 'the locks were closed during the wait')
}

function grantOf(entry: HeldEntry): Grant {
  const abandonedBy = entry.abandoned ? (JSON.parse(entry.abandoned) as LockInfo) : null
  return { fencingToken: entry.token, abandonedBy }
}

function translate(error: unknown, path: string): unknown {
  if (isDiskFull(error)) {
    return new HoldfastError('NO_SPACE', `the disk of the locks, ${path}, is full: nobody can take one or let go`, {
      hint: 'Free some space and try again.',
      retryable: true,
      cause: error,
    })
  }
  if (isInaccessible(error)) return unusableFile(`the file of all locks, ${path},`, error)
  if (!isCorrupt(error)) return error
  return new HoldfastError('LOCK_DAMAGED', `the file of all locks, ${path}, is damaged: ${messageOf(error)}`, {
    hint: `Stop everything that uses locks, remove ${path}, and start again: states keep their own highest token.`,
    cause: error,
  })
}
