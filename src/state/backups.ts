/** Automatic backups: when one is due, and which process makes it. */
import { HoldfastError } from '../base/index.ts'
import type { LockManager } from '../lock/index.ts'
import type { BackupStore } from './engine.ts'

const HOUR_MS = 3_600_000
const DEFAULT_KEEP = 10

export interface BackupPolicy {
  /** Shortest time between two automatic backups, ms. Default an hour; 0: after every save. */
  everyMs?: number
  /** Backups that are kept, the newest ones; those made by hand count too. Default 10. */
  keep?: number
}

export class BackupKeeper {
  readonly #backups: BackupStore | null
  readonly #state: string
  readonly #everyMs: number
  readonly #keep: number
  #nextAtMs = 0

  /** @param backups Null: no automatic backups. */
  constructor(backups: BackupStore | null, state: string, { everyMs = HOUR_MS, keep = DEFAULT_KEEP }: BackupPolicy) {
    this.#backups = backups
    this.#state = state
    this.#everyMs = everyMs
    this.#keep = keep
  }

  /** Whether it may be time for an automatic backup, as far as this process knows. */
  isDue(): boolean {
    return this.#backups !== null && performance.now() >= this.#nextAtMs
  }

  /** Makes a backup unless another process made one lately or is making one. */
  async createIfDue(locks: LockManager): Promise<void> {
    if (!this.#backups || !this.isDue()) return
    const [newest] = await this.#backups.list(this.#state)
    const ageMs = newest ? Date.now() - newest.at.getTime() : Infinity
    const isRecent = ageMs >= 0 && ageMs < this.#everyMs
    this.#nextAtMs = performance.now() + (isRecent ? this.#everyMs - ageMs : this.#everyMs)
    if (!isRecent) await this.#createAlone(this.#backups, locks)
  }

  async #createAlone(backups: BackupStore, locks: LockManager): Promise<void> {
    try {
      // Not below the lock of the state, where the locks of its parts are: one may be called `backup`.
      const turn = await locks.acquire(`backup/${this.#state}`, { operation: 'backup' })
      try {
        await backups.create(this.#state)
        await backups.prune(this.#state, this.#keep)
      } finally {
        await turn.release()
      }
    } catch (error) {
      // Another process is making one.
      if (!(error instanceof HoldfastError) || error.code !== 'LOCK_HELD') throw error
    }
  }
}
