/** Copies of a state beside it, made now and then after a save, each verified before it counts. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../base/index.ts'
import type { LockManager } from '../lock/index.ts'
import { makeFolder } from '../storage/index.ts'
import { lockOfState } from './backends.ts'
import {
  backupFolder,
  backupName,
  describeBackup,
  inspectFile,
  listBackups,
  publishFile,
  unlessGone,
  type Backup,
} from './backup-files.ts'
import { StateDamagedError } from './errors.ts'
import type { StateStore } from './state-store.ts'

const HOUR_MS = 3_600_000
/** Nobody writes to a copy that was not written to for so long. */
const LEFTOVER_MS = 24 * HOUR_MS
const PARTIAL = /^\..*\.part(-wal|-shm|-journal)?$/
const DEFAULT_KEEP = 10

export interface BackupPolicy {
  /** Least time between two automatic backups, ms. Default an hour; 0: after every save. */
  everyMs?: number
  /** Backups that are kept, the newest ones; those made by hand count too. Default 10. */
  keep?: number
}

export class BackupKeeper {
  readonly #dataFolder: string
  readonly #name: string
  readonly #store: StateStore
  readonly #policy: Required<BackupPolicy> | null
  #nextAtMs = 0

  constructor(dataFolder: string, name: string, store: StateStore, policy: BackupPolicy | false) {
    this.#dataFolder = dataFolder
    this.#name = name
    this.#store = store
    this.#policy = policy === false ? null : { everyMs: policy.everyMs ?? HOUR_MS, keep: policy.keep ?? DEFAULT_KEEP }
  }

  /** Whether it may be time for an automatic backup, as far as this process knows. */
  isDue(): boolean {
    return this.#policy !== null && performance.now() >= this.#nextAtMs
  }

  /** Makes a backup if no other process made one lately or is about to. */
  async createIfDue(locks: LockManager): Promise<void> {
    if (!this.#policy || !this.isDue()) return
    const [newest] = await listBackups(this.#dataFolder, this.#name)
    const ageMs = newest ? Date.now() - newest.at.getTime() : Infinity
    const isRecent = ageMs >= 0 && ageMs < this.#policy.everyMs
    this.#nextAtMs = performance.now() + (isRecent ? this.#policy.everyMs - ageMs : this.#policy.everyMs)
    if (!isRecent) await this.#createAlone(locks, this.#policy.keep)
  }

  /** @throws STATE_DAMAGED when the copy does not pass verification; NO_SPACE. */
  async create(): Promise<Backup> {
    const folder = backupFolder(this.#dataFolder, this.#name)
    makeFolder(folder)
    const partial = join(folder, `.${process.pid}-${performance.now()}.part`)
    try {
      await this.#store.copyTo(partial)
      const { head, damages } = await inspectFile(partial, lockOfState(this.#name))
      const [damage] = damages
      if (!head || damage) {
        throw new StateDamagedError(
          this.#store.location,
          `no good backup can be made: ${damage?.what}: ${damage?.problem}`,
        )
      }
      const path = join(folder, backupName(new Date(), head.serial))
      await publishFile(partial, path)
      return await describeBackup(path)
    } finally {
      for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(partial + suffix, { force: true })
    }
  }

  async #createAlone(locks: LockManager, keep: number): Promise<void> {
    try {
      // Not below the lock of the state, where the locks of its parts are: one may be called `backup`.
      const turn = await locks.acquire(`backup/${this.#name}`, { operation: 'backup' })
      try {
        await this.create()
        const backups = await listBackups(this.#dataFolder, this.#name)
        await Promise.all(backups.slice(keep).map(({ path }) => rm(path, { force: true })))
        await removeLeftovers(backupFolder(this.#dataFolder, this.#name))
      } finally {
        await turn.release()
      }
    } catch (error) {
      // Another process is at it.
      if (!(error instanceof HoldfastError) || error.code !== 'LOCK_HELD') throw error
    }
  }
}

/** Removes the copies of processes that died over them. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (!PARTIAL.test(name)) continue
    // Another process may have finished it meanwhile.
    const found = await unlessGone(stat(path))
    if (found && Date.now() - found.mtimeMs > LEFTOVER_MS) await rm(path, { force: true })
  }
}
