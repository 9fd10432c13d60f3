/** Fences off saves whose token is lower than one seen with the same lock. */
import { LockLostError } from '../../lock/index.ts'
import type { Fence } from '../state-store.ts'
import type { Meta } from './meta.ts'
import type { SaveRow } from './saves.ts'

export class Fences {
  readonly #meta: Meta
  readonly #ownLock: string

  /** @param ownLock The lock of the state itself: each save keeps its token. */
  constructor(meta: Meta, ownLock: string) {
    this.#meta = meta
    this.#ownLock = ownLock
  }

  /** The highest token of a lock that was seen. */
  highest(newest: SaveRow | null, lock = this.#ownLock): number {
    const registered = this.#meta.fence(lock)
    return lock === this.#ownLock ? Math.max(registered, newest?.token ?? 0) : registered
  }

  /**
   * Lets a save pass and keeps its tokens.
   * @returns the token of the state's own lock.
   * @throws LOCK_LOST, before it writes.
   */
  admit(newest: SaveRow | null, fences: readonly Fence[]): number {
    for (const { lock, token } of fences) {
      const highest = this.highest(newest, lock)
      if (token >= highest) continue
      throw new LockLostError(lock, `a later holder (fencing token ${highest}, ours is ${token}) is at work`)
    }
    for (const { lock, token } of fences) {
      if (lock !== this.#ownLock && this.#meta.fence(lock) < token) this.#meta.setFence(lock, token)
    }
    const own = fences.find(({ lock }) => lock === this.#ownLock)?.token ?? 0
    return Math.max(own, newest?.token ?? 0)
  }

  /** Whether one of the fences is of the state's own lock. */
  isOwnAmong(fences: readonly Fence[]): boolean {
    return fences.some(({ lock }) => lock === this.#ownLock)
  }
}
