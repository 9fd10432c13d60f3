/** An engine's locks, opened at the first need: readers of a state need none. */
import { LockManager, type LockManagerOptions } from '../lock/index.ts'
import type { Engine } from './engine.ts'

export class LocksOnDemand {
  readonly #engine: Engine
  readonly #options: LockManagerOptions
  #opening: Promise<LockManager> | null = null

  constructor(engine: Engine, options: LockManagerOptions) {
    this.#engine = engine
    this.#options = options
  }

  /** @throws LOCK_DAMAGED when the locks cannot be read; the next call tries again. */
  async get(): Promise<LockManager> {
    this.#opening ??= this.#open()
    const opened = this.#opening
    const locks = await opened
    if (!locks.isReplaced()) return locks
    if (this.#opening === opened) this.#opening = null
    await locks.close()
    return this.get()
  }

  async #open(): Promise<LockManager> {
    try {
      return new LockManager(await this.#engine.openLocks(), this.#options)
    } catch (error) {
      this.#opening = null
      throw error
    }
  }

  /** Releases the locks that are held. Idempotent. */
  async close(): Promise<void> {
    // Locks that could not be opened hold nothing, and the caller was told.
    const locks = await this.#opening?.catch(() => null)
    await locks?.close()
  }
}
