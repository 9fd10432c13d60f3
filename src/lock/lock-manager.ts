/**
 * Acquires locks for people and programs: names them, bounds the waits, measures, and gives back what is left at the
 * end.
 */
import { randomUUID } from 'node:crypto'
import { HoldfastError, MAX_TIMER_MS, systemClock, VERSION, type Clock, type Log, type Metrics } from '../base/index.ts'
import { LockHeldError, LockTimeoutError } from './errors.ts'
import type { HeldLock, LockInfo } from './lock-info.ts'
import type { Grant, LockRequest, LockStore } from './lock-store.ts'
import { Lock } from './lock.ts'
import { findPlace, isOuterHeld, NestedStore, withinLock, type LockPlace } from './nested-lock.ts'
import { registerLockMetrics, type LockMetrics } from './metrics.ts'
import { openSqliteLocks } from './sqlite/open-locks.ts'
import { WHO } from './who.ts'
import { LockError } from './errors.ts'

const DEFAULT_TTL_MS = 30_000
const MAX_NAME_LENGTH = 200
/** A hundred years. Times far beyond cannot be written down as dates. */
const MAX_TTL_MS = 36_525 * 86_400_000
/** Why a wait was ended by us. */
const TIME_IS_UP = new Error('the time to wait for a lock is up')
/** Shortest time between two rounds of renewals, ms. */
const RENEWAL_ROUND_MS = 20

export interface LockManagerOptions {
  log?: Log
  /** Where to register the lock metrics. Default: they are not counted. */
  metrics?: Metrics
  /** For the times in LockInfo only: expiry is counted by the machine's monotonic clock. */
  clock?: Clock
  /**
   * Ids of locks that are held by who started this process, as `holdfast lock acquire` tells them to the command that
   * it runs: they do not block, see nested-lock.ts. Default none.
   */
  within?: readonly string[]
}

export interface AcquireOptions {
  /** What the lock is for, in a word or two, shown to waiters. */
  operation: string
  /** Free text or JSON, shown by `lock show`. Default empty. */
  info?: string
  /**
   * How long the lock outlives a holder that stops renewing, ms. Default 30,000; less than the store's minimum counts
   * as that; at most a hundred years.
   */
  ttlMs?: number
  /** How long to stand in line, ms. Default 0: do not. `Infinity`: as long as it takes. */
  waitMs?: number
  /** Ends the wait. Has no effect once the lock is acquired. */
  signal?: AbortSignal
  /** The fencing token shall be greater than this one: the highest that the guarded thing has seen. Default 0. */
  tokenAbove?: number
  /**
   * Keeps the lock, without renewal, when this process is gone: until `release` by id or the TTL's end. Default
   * false.
   */
  isDetached?: boolean
  /** Called once when there is a wait. */
  onWait?: (holder: LockInfo) => void
}

/**
 * Hands out locks. One manager may be used by any number of callers at once, and any number of managers in any number
 * of processes may share a store: a lock never has two holders, and callers get it in the order in which they asked.
 * A holder that dies (kill -9 too) loses its locks at once if the store sees the deaths of processes, else by TTL.
 */
export class LockManager implements AsyncDisposable {
  readonly #store: LockStore
  readonly #clock: Clock
  readonly #log: Log | null
  readonly #metrics: LockMetrics | null
  readonly #within: ReadonlySet<string>
  readonly #held = new Set<Lock>()
  readonly #asked = new Set<Promise<Lock>>()
  readonly #waits = new Set<AbortController>()
  #isClosing = false
  #timer: NodeJS.Timeout | null = null
  #nextRoundMs = 0

  constructor(store: LockStore, { log, metrics, clock = systemClock, within = [] }: LockManagerOptions = {}) {
    this.#store = store
    this.#clock = clock
    this.#log = log ?? null
    this.#within = new Set(within)
    this.#metrics = metrics ? registerLockMetrics(metrics) : null
  }

  /**
   * The manager of a data folder's locks; makes the folder when it is missing.
   * @throws LOCK_DAMAGED when their file is no longer one; DATA_FOLDER_UNUSABLE when it may not be read or written.
   */
  static async open(dataFolder: string, options: LockManagerOptions = {}): Promise<LockManager> {
    return new LockManager(await openSqliteLocks(dataFolder), options)
  }

  /**
   * Takes the lock `name`. Let `await using` release it:
   * ```ts
   * await using lock = await locks.acquire('images/web', { operation: 'build', waitMs: 60_000 })
   * ```
   * @throws LOCK_HELD when it is taken and `waitMs` is 0; LOCK_TIMEOUT when it stays taken for `waitMs`; LOCK_DAMAGED;
   * LOCKS_REPLACED; INVALID_REQUEST for a name or TTL that cannot be; the signal's reason.
   */
  async acquire(name: string, options: AcquireOptions): Promise<Lock> {
    assertName(name)
    assertTtl(options.ttlMs ?? DEFAULT_TTL_MS)
    const startedAt = performance.now()
    const asked = this.#acquire(name, options)
    this.#asked.add(asked)
    try {
      const lock = await asked
      this.#metrics?.waitSeconds.observe({ outcome: 'acquired' }, (performance.now() - startedAt) / 1000)
      return lock
    } catch (error) {
      const reason = error instanceof HoldfastError ? error.code : 'ABORTED'
      this.#metrics?.failures.inc({ reason })
      this.#metrics?.waitSeconds.observe({ outcome: 'failed' }, (performance.now() - startedAt) / 1000)
      throw error
    } finally {
      this.#asked.delete(asked)
    }
  }

  /** Whether the file of the locks was removed or replaced: all are lost, and who opens them again sees others. */
  isReplaced(): boolean {
    return this.#store.isReplaced()
  }

  /** The lock's holder and waiters, or null when it is free. */
  read(name: string): Promise<HeldLock | null> {
    return this.#store.read(name)
  }

  /** Who acts under the lock: its holder, or who took it again under that one; null when it is free. */
  async readInnermost(name: string): Promise<HeldLock | null> {
    const holder = await this.#store.read(name)
    const inner = holder?.status === 'held' ? await this.readInnermost(withinLock(name)) : null
    return inner?.status === 'held' ? inner : holder
  }

  /** All held locks by name. */
  list(): Promise<HeldLock[]> {
    return this.#store.list()
  }

  /**
   * Releases a lock that was acquired detached, maybe by another process.
   * @throws NOT_FOUND when it is free; WRONG_LOCK_ID when it is held under another id.
   */
  async release(name: string, id: string): Promise<void> {
    if (!(await this.#store.release(name, id))) throw await this.#whyNot(name, id)
  }

  /**
   * Breaks a lock, for when its holder is known to be dead or must be stopped: its `signal` aborts at its next renewal,
   * and its fencing token is refused from the next holder's first save on. The id guards against breaking another lock
   * than the inspected one.
   * @throws NOT_FOUND when it is free; WRONG_LOCK_ID when it is held under another id.
   */
  async forceUnlock(name: string, id: string): Promise<void> {
    if (!(await this.#store.forceRelease(name, id))) throw await this.#whyNot(name, id)
    this.#log?.warn({ lock: name, id }, 'a lock was broken by force-unlock')
  }

  /** Ends the waits, releases what this manager still holds (detached locks stay) and closes the store. Idempotent. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const wait of this.#waits) wait.abort(new LockError('NOT_READY', 'the locks were closed during the wait'))
    // A lock that is being granted must be released too.
    await Promise.allSettled(this.#asked)
    await Promise.allSettled([...this.#held].map((lock) => lock.release()))
    if (this.#timer) clearTimeout(this.#timer)
    await this.#store.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #acquire(name: string, options: AcquireOptions): Promise<Lock> {
    const place = await findPlace(this.#store, name, this.#within)
    if (place.outer[0] && options.isDetached) throw heldAround(name, place.outer[0])
    const request = this.#requestFor(place, options)
    const grant = await this.#ask(request, options.waitMs ?? 0, options.signal)
    if (!(await isOuterHeld(this.#store, place))) {
      await this.#store.release(place.name, request.info.id)
      return this.#acquire(name, options)
    }
    if (grant.abandonedBy) this.#reportAbandoned(name, grant.abandonedBy)
    const lock = this.#lockOf(name, place, request, grant)
    if (!request.isDetached) this.#keep(lock)
    this.#metrics?.held.inc()
    return lock
  }

  #requestFor({ name }: LockPlace, options: AcquireOptions): LockRequest {
    const { operation, info = '', ttlMs = DEFAULT_TTL_MS, waitMs = 0, isDetached = false, onWait } = options
    const created = new Date(this.#clock.now()).toISOString()
    return {
      info: { id: randomUUID(), name, operation, who: WHO, version: VERSION, created, info },
      ttlMs: Math.max(ttlMs, this.#store.capabilities.minTtlMs),
      isDetached,
      tokenAbove: options.tokenAbove ?? 0,
      wait: waitMs > 0,
      ...(onWait && { onWait }),
    }
  }

  /** Within an outer lock the new one goes by the outer one's name and token. */
  #lockOf(name: string, place: LockPlace, { info, ttlMs }: LockRequest, grant: Grant): Lock {
    const { fencingToken: token, abandonedBy } = grant
    const fencingToken = place.outer[0]?.fencingToken ?? token
    const expires = new Date(this.#clock.now() + ttlMs).toISOString()
    const outer = place.outer.map((one) => ({ lock: one.name, token: one.fencingToken }))
    const terms = {
      info: { ...info, name, expires, fencingToken },
      fences: [...outer, { lock: place.name, token }],
      ttlMs,
      abandonedBy,
    }
    const store = place.outer.length > 0 ? new NestedStore(this.#store, place) : this.#store
    return new Lock(store, terms, this.#log, (ended, lost) => {
      this.#held.delete(ended)
      this.#metrics?.held.dec()
      if (lost) this.#metrics?.failures.inc({ reason: lost.code })
    })
  }

  async #ask(request: LockRequest, waitMs: number, signal: AbortSignal | undefined): Promise<Grant> {
    if (this.#isClosing) throw new LockError('NOT_READY', 'the locks are closed')
    signal?.throwIfAborted()
    const wait = new AbortController()
    // Longer waits than a timer can count are waits without an end.
    const isBounded = waitMs > 0 && waitMs <= MAX_TIMER_MS
    const timer = isBounded ? setTimeout(() => wait.abort(TIME_IS_UP), waitMs) : undefined
    const onAbort = () => wait.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    this.#waits.add(wait)
    try {
      const answer = await this.#store.acquire(request, waitMs > 0 || signal ? wait.signal : undefined)
      if ('holder' in answer) throw new LockHeldError(answer.holder)
      return answer
    } catch (error) {
      if (error !== TIME_IS_UP) throw error
      throw new LockTimeoutError(request.info.name, waitMs, await this.#store.read(request.info.name))
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      this.#waits.delete(wait)
    }
  }

  /** Renews the lock from now on, with the others, on one timer. */
  #keep(lock: Lock): void {
    this.#held.add(lock)
    if (!this.#timer || lock.renewAtMs < this.#nextRoundMs) this.#scheduleRound(lock.renewAtMs)
  }

  #scheduleRound(atMs: number): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#nextRoundMs = atMs
    this.#timer = setTimeout(() => void this.#renewDue(), Math.max(RENEWAL_ROUND_MS, atMs - performance.now()))
    // A process that has nothing else to do may end: that frees its locks too.
    this.#timer.unref()
  }

  async #renewDue(): Promise<void> {
    this.#timer = null
    const soon = performance.now() + RENEWAL_ROUND_MS
    const due = [...this.#held].filter((lock) => lock.renewAtMs <= soon)
    await Promise.all(due.map((lock) => lock.renew()))
    const next = Math.min(...this.#held.values().map((lock) => lock.renewAtMs))
    // A lock that came meanwhile may have set the timer for its own renewal, which is later.
    if (this.#held.size > 0 && (!this.#timer || next < this.#nextRoundMs)) this.#scheduleRound(next)
  }

  #reportAbandoned(name: string, holder: LockInfo): void {
    this.#metrics?.abandoned.inc()
    this.#log?.warn({ lock: name, holder }, 'a lock was taken over from a holder that never released it')
  }

  async #whyNot(name: string, id: string): Promise<HoldfastError> {
    const holder = await this.#store.read(name)
    if (!holder) return new LockError('NOT_FOUND', `the lock ${name} is free`)
    return new LockError('WRONG_LOCK_ID', `the lock ${name} is not held under the id ${id}`, {
      hint: `It is held by ${holder.who} under the id ${holder.id}.`,
      details: { holder },
    })
  }
}

function heldAround(name: string, holder: HeldLock): HoldfastError {
  return new LockError('LOCK_HELD', `the lock ${name} is held by the command that this one runs under`, {
    hint: 'Within a lock it can be taken for a command only: a detached lock would outlive it.',
    details: { holder },
  })
}

function assertName(name: string): void {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  if (name.length > 0 && name.length <= MAX_NAME_LENGTH && !/[\u0000-\u001f\u007f]/.test(name)) return
  throw new LockError('INVALID_REQUEST', `invalid lock name ${JSON.stringify(name)}`, {
    hint: `Give 1 to ${MAX_NAME_LENGTH} characters, none of them a control character.`,
  })
}

function assertTtl(ttlMs: number): void {
  if (ttlMs >= 0 && ttlMs <= MAX_TTL_MS) return
  throw new LockError('INVALID_REQUEST', `a lock cannot have a TTL of ${ttlMs} ms`, {
    hint: `Give 0 to ${MAX_TTL_MS} ms, which are a hundred years.`,
  })
}
