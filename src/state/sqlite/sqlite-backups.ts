/** Backups of states as files beside them, each verified before it gets its name. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../base/index.ts'
import type { Lock } from '../../lock/index.ts'
import { makeFolder, publishFile } from '../../storage/index.ts'
import type { Backup, BackupStore, Restored } from '../engine.ts'
import { StateDamagedError } from '../errors.ts'
import { lockOfState } from '../names.ts'
import {
  backupName,
  copyState,
  describeBackup,
  heightOfFile,
  inspectFile,
  listBackups,
  removeDatabase,
  unlessGone,
} from './backup-files.ts'
import { putInPlace } from './put-in-place.ts'
import { backupFolder, statePath } from './state-paths.ts'
import { StateError } from '../errors.ts'

/** No process still writes to a copy that was not written to for so long. */
const LEFTOVER_MS = 24 * 3_600_000
const PARTIAL = /^\..*\.part(-wal|-shm|-journal)?$/

export class SqliteBackups implements BackupStore {
  readonly #dataFolder: string

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder
  }

  list(state: string): Promise<Backup[]> {
    return listBackups(this.#folder(state))
  }

  async create(state: string): Promise<Backup> {
    const path = statePath(this.#dataFolder, state)
    const lock = lockOfState(state)
    const folder = this.#folder(state)
    makeFolder(folder)
    const partial = join(folder, `.${process.pid}-${performance.now()}.part`)
    try {
      await copyState(path, partial, lock)
      const { head, damages } = await inspectFile(partial, lock)
      const [damage] = damages
      if (!head || damage) {
        throw new StateDamagedError(path, `no good backup can be made: ${damage?.what}: ${damage?.problem}`)
      }
      const published = join(folder, backupName(new Date(), head.serial))
      await publishFile(partial, published)
      return await describeBackup(published)
    } finally {
      await removeDatabase(partial)
    }
  }

  async prune(state: string, keep: number): Promise<void> {
    const backups = await this.list(state)
    await Promise.all(backups.slice(keep).map(({ path }) => rm(path, { force: true })))
    await removeLeftovers(this.#folder(state))
  }

  async choose(state: string, from?: string): Promise<Backup> {
    const candidates = from === undefined ? await this.list(state) : [await describeGiven(from)]
    const problems: string[] = []
    for (const backup of candidates) {
      const { head, damages } = await inspectFile(backup.path, lockOfState(state))
      const [damage] = damages
      if (head && !damage) return { ...backup, serial: head.serial }
      problems.push(`${backup.path}: ${damage?.what}: ${damage?.problem}`)
    }
    const what = from === undefined ? `the state ${state} has no good backup` : 'the file is not a good backup'
    const why = problems.length > 0 ? `:\n  ${problems.join('\n  ')}` : ': there is none'
    throw new StateError('NO_GOOD_BACKUP', what + why, {
      hint: 'Nothing was changed. An exported file can be brought in with: holdfast state import FILE',
    })
  }

  async highestToken(state: string, backup: Backup): Promise<number> {
    const paths = [backup.path, statePath(this.#dataFolder, state)]
    const heights = await Promise.all(paths.map((path) => heightOfFile(path, lockOfState(state))))
    return Math.max(...heights.map((height) => height?.token ?? 0))
  }

  restore(state: string, backup: Backup, lock: Lock): Promise<Restored> {
    return putInPlace(statePath(this.#dataFolder, state), backup, lock)
  }

  #folder(state: string): string {
    return backupFolder(this.#dataFolder, state)
  }
}

async function describeGiven(path: string): Promise<Backup> {
  try {
    return await describeBackup(path)
  } catch (error) {
    throw new StateError('FILE_UNUSABLE', `the file ${path} cannot be read: ${messageOf(error)}`, { cause: error })
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
