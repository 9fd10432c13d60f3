/** One held lock: it renews itself until it is released, and says when it is lost. */
import { createRetry, HoldfastError, messageOf, type Log } from '../base/index.ts'
import { LockLostError } from './errors.ts'
import type { LockInfo } from './lock-info.ts'
import type { LockStore } from './lock-store.ts'
import type { LockFence } from './nested-lock.ts'

/** The first renewal comes early: it tells a store that gave the lock to one in line that it was noticed. */
const FIRST_RENEWAL_MS = 1000
/** Tries to release after the first: some seconds, for a disk that is full for a moment. */
const RELEASE_RETRIES = 12

/** What a lock asks of its store. */
type Keeper = Pick<LockStore, 'renew' | 'release' | 'read'>

export interface LockTerms {
  info: LockInfo
  fences: readonly LockFence[]
  ttlMs: number
  abandonedBy: LockInfo | null
}

/** Told once when a lock is released (null) or lost. */
type EndListener = (lock: Lock, lost: LockLostError | null) => void

/**
 * A lock that its holder has. Renewed in the background at a third of its TTL for as long as the process runs, so a
 * long job needs no long TTL. A holder that is stopped for longer than the TTL loses it and learns so at its next
 * renewal, from `signal`; until then only the fencing token, checked by what the lock guards, keeps it from doing
 * harm.
 */
export class Lock implements AsyncDisposable {
  readonly info: LockInfo
  /** Who held it before and never released it: dead or out of time. What it did may be half done. */
  readonly abandonedBy: LockInfo | null
  /**
   * What whatever the lock guards must check: its own token and, of one within another of the same name, the inner
   * one's.
   */
  readonly fences: readonly LockFence[]
  readonly #store: Keeper
  readonly #ttlMs: number
  readonly #log: Log | null
  readonly #onEnd: EndListener
  readonly #lost = new AbortController()
  #validUntilMs: number
  #renewAtMs: number
  #release: Promise<void> | null = null

  constructor(store: Keeper, terms: LockTerms, log: Log | null, onEnd: EndListener) {
    this.info = terms.info
    this.abandonedBy = terms.abandonedBy
    this.fences = terms.fences
    this.#store = store
    this.#ttlMs = terms.ttlMs
    this.#log = log
    this.#onEnd = onEnd
    this.#validUntilMs = performance.now() + terms.ttlMs
    this.#renewAtMs = performance.now() + Math.min(FIRST_RENEWAL_MS, terms.ttlMs / 3)
  }

  /** Names this acquisition: `holdfast lock force-unlock NAME ID`. */
  get id(): string {
    return this.info.id
  }

  get name(): string {
    return this.info.name
  }

  /** Greater than every earlier holder's: the guarded thing refuses smaller ones. */
  get fencingToken(): number {
    return this.info.fencingToken
  }

  /** Aborts when the lock is lost, with the LockLostError as its reason. Does not abort on `release`. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** @throws LOCK_LOST when the lock is known to be lost, or was released. */
  assertHeld(): void {
    this.signal.throwIfAborted()
    if (this.#release) throw new LockLostError(this.name, 'it was released')
  }

  /** Whether a holder that does not need it should let go: another process waits, or it is lost. */
  async isWanted(): Promise<boolean> {
    if (this.#release || this.signal.aborted) return true
    const held = await this.#store.read(this.name)
    return held?.id !== this.id || held.waiting.length > 0
  }

  /**
   * Lets go of the lock; the next in line has it then. Idempotent, and safe to call at the same time. When the store
   * fails for seconds (a full disk) the lock is left to its TTL: it is renewed no more.
   * @throws LOCK_LOST when it had been lost before: work under it may have met another holder's work; the
   * store's failure.
   */
  release(): Promise<void> {
    this.#release ??= this.#letGo()
    return this.#release
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  async #letGo(): Promise<void> {
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason as LockLostError
    const wasHeld = await this.#releaseInStore()
    if (!wasHeld) throw this.#lose('it expired, or was broken by force-unlock, before it was released')
    this.#onEnd(this, null)
  }

  async #releaseInStore(): Promise<boolean> {
    const release = () => this.#store.release(this.name, this.id)
    try {
      return await release().catch((error: unknown) => {
        if (!mayPass(error)) throw error
        return retrying(release)
      })
    } catch (error) {
      this.#onEnd(this, null)
      throw error
    }
  }

  /** For the manager: when the next renewal is due, ms of `performance.now`. */
  get renewAtMs(): number {
    return this.#renewAtMs
  }

  /** For the manager: renews the lock, or finds out that it is lost. Never rejects. */
  async renew(): Promise<void> {
    const askedAt = performance.now()
    this.#renewAtMs = askedAt + this.#ttlMs / 3
    if (this.#release) return
    try {
      const isHeld = await this.#store.renew(this.name, this.id, this.#ttlMs)
      if (this.#release) return
      if (isHeld) this.#validUntilMs = askedAt + this.#ttlMs
      else this.#lose('it expired, or was broken by force-unlock')
    } catch (error) {
      this.#log?.warn({ lock: this.name, err: error }, 'a lock could not be renewed')
      if (this.#release || performance.now() < this.#validUntilMs) return
      this.#lose(`it could not be renewed: ${messageOf(error)}`)
    }
  }

  #lose(why: string): LockLostError {
    const error = new LockLostError(this.name, why)
    this.#lost.abort(error)
    this.#onEnd(this, error)
    return error
  }
}

/** A failure that the store understands is its last word, unless it says otherwise. */
function mayPass(error: unknown): boolean {
  return !(error instanceof HoldfastError) || error.retryable
}

const retrying = createRetry({ isTransient: mayPass, retries: RELEASE_RETRIES, maxDelayMs: 1000 })
