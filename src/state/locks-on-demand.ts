/** The locks of a data folder, opened when one is needed for the first time: who only reads a state needs none. */
import { LockManager, type LockManagerOptions } from '../lock/index.ts'

export class LocksOnDemand {
  readonly #dataFolder: string
  readonly #options: LockManagerOptions
  #opening: Promise<LockManager> | null = null

  constructor(dataFolder: string, options: LockManagerOptions) {
    this.#dataFolder = dataFolder
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

  #open(): Promise<LockManager> {
    return LockManager.open(this.#dataFolder, this.#options).catch((error: unknown) => {
      this.#opening = null
      throw error
    })
  }

  /** Releases the locks that are held. Idempotent. */
  async close(): Promise<void> {
    // One that could not be opened holds nothing, and whoever asked for it was told.
    const locks = await this.#opening?.catch(() => null)
    await locks?.close()
  }
}
