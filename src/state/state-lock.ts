/** The lock of one state: taken for a turn of saves, or by callers for as long as they like. */
import type { Log } from '../base/index.ts'
import { LockTimeoutError, withinLock, type AcquireOptions, type HeldLock, type Lock } from '../lock/index.ts'
import { isLossOf, type Committer } from './committer.ts'
import type { LocksOnDemand } from './locks-on-demand.ts'
import { lockOfState } from './names.ts'
import type { StateStore } from './state-store.ts'
import type { Turn } from './update-queue.ts'

export interface StateLockParts {
  /** The state's name. */
  name: string
  store: StateStore
  locks: LocksOnDemand
  committer: Committer
  /** Whether this process may run under the lock already, see nested-lock.ts. */
  isWithin: boolean
  log: Log | null
}

export class StateLock {
  /** Of the lock of the whole state. */
  readonly name: string
  readonly #parts: StateLockParts

  constructor(parts: StateLockParts) {
    this.name = lockOfState(parts.name)
    this.#parts = parts
  }

  /**
   * Takes the lock of the whole state, or of its part `scope`, and refuses the saves of earlier holders from then on.
   * @throws as `LockManager.acquire`.
   */
  async acquire(scope: string | undefined, options: Omit<AcquireOptions, 'tokenAbove'>): Promise<Lock> {
    const name = scope === undefined ? this.name : `${this.name}/${scope}`
    const lock = await this.#take(name, options)
    try {
      for (const fence of lock.fences) await this.#parts.store.raiseFence(fence)
      return lock
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Waits in line for the right to commit, and takes the lock for it. */
  async enter(signal: AbortSignal): Promise<Turn> {
    const { committer, log } = this.#parts
    const lock = await this.#take(this.name, { operation: 'save', waitMs: Infinity, signal })
    return {
      commit: (batch) => committer.commit(batch, lock),
      isLost: (error) => isLossOf(lock, error),
      isWanted: () => lock.isWanted().catch(() => true),
      // Lost or not, what was done under it is over, and the store has refused it if it was.
      leave: () => lock.release().catch((error: unknown) => log?.warn({ err: error }, 'a lock was not released')),
    }
  }

  /** A turn without an end, for a caller that holds the lock of the whole state. */
  turnOf(lock: Lock): Turn {
    return {
      commit: async (batch) => {
        lock.assertHeld()
        await this.#parts.committer.commit(batch, lock)
      },
      isLost: () => false,
      isWanted: async () => false,
      leave: async () => {},
    }
  }

  /** The innermost holder of the lock of the whole state, where holders are nested; null when it is free. */
  async holder(): Promise<HeldLock | null> {
    const locks = await this.#parts.locks.get()
    return locks.readInnermost(this.name)
  }

  /** The error for a save that waited in vain. */
  async timeoutAfter(waitMs: number): Promise<unknown> {
    try {
      const locks = await this.#parts.locks.get()
      return new LockTimeoutError(this.name, waitMs, await locks.read(this.name))
    } catch (error) {
      return error
    }
  }

  async #take(name: string, options: Omit<AcquireOptions, 'tokenAbove'>): Promise<Lock> {
    const tokenAbove = await this.#tokenAbove(name)
    const locks = await this.#parts.locks.get()
    return locks.acquire(name, { ...options, tokenAbove })
  }

  /** The highest token that was seen with the lock, or, where we may be within it, with the one within. */
  async #tokenAbove(name: string): Promise<number> {
    const { store, isWithin } = this.#parts
    const own = await store.fenceOf(name)
    return isWithin ? Math.max(own, await store.fenceOf(withinLock(name))) : own
  }
}
