/** States and locks in SQLite files of a data folder, for the processes of one machine. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError } from '../../base/index.ts'
import { locksFile, openSqliteLocks, type LockStore } from '../../lock/index.ts'
import { makeFolder } from '../../storage/index.ts'
import type { Engine, OpenStateOptions } from '../engine.ts'
import { StateDamagedError } from '../errors.ts'
import { lockOfState } from '../names.ts'
import type { StateStore } from '../state-store.ts'
import { SqliteBackups } from './sqlite-backups.ts'
import { SqliteState } from './sqlite-state.ts'
import { isEmptied, stateNamesIn, statePath } from './state-paths.ts'
import { StateError } from '../errors.ts'

export class SqliteEngine implements Engine {
  readonly location: string
  readonly backups: SqliteBackups

  /** @param dataFolder Created when something is to be written. */
  constructor(dataFolder: string) {
    this.location = dataFolder
    this.backups = new SqliteBackups(dataFolder)
  }

  openLocks(): Promise<LockStore> {
    return openSqliteLocks(this.location)
  }

  async hasLocks(): Promise<boolean> {
    return existsSync(locksFile(this.location))
  }

  async openState(name: string, { mustExist, ...options }: OpenStateOptions): Promise<StateStore> {
    const path = statePath(this.location, name)
    if (mustExist && !existsSync(path)) throw this.#noSuchState(name)
    if (isEmptied(path)) throw new StateDamagedError(path, 'the file is empty, and yet there are backups')
    makeFolder(join(this.location, 'states'))
    return SqliteState.open(path, { lock: lockOfState(name), ...options })
  }

  async stateNames(): Promise<string[]> {
    return stateNamesIn(this.location)
  }

  async close(): Promise<void> {}

  #noSuchState(name: string): HoldfastError {
    const names = stateNamesIn(this.location)
    return new StateError('NOT_FOUND', `there is no state ${name} in ${this.location}`, {
      hint: names.length > 0 ? `There are: ${names.join(', ')}.` : 'The first build or import makes one.',
    })
  }
}
