/** Where states can be kept. A new backend is a driver in a folder of its own and a line here. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError } from '../base/index.ts'
import { makeFolder } from '../storage/index.ts'
import { StateDamagedError } from './errors.ts'
import { SqliteState, type SqliteStateOptions } from './sqlite/sqlite-state.ts'
import type { StateStore } from './state-store.ts'

const SUFFIX = '.db'

export interface BackendOptions extends SqliteStateOptions {
  /** Refuse, with NOT_FOUND, to make a state that is not there. */
  mustExist: boolean
}

export const STATE_BACKENDS = {
  /** `states/NAME.db` in the data folder: for the processes of one machine. */
  async sqlite(dataFolder: string, name: string, options: BackendOptions): Promise<StateStore> {
    const path = statePath(dataFolder, name)
    if (options.mustExist && !existsSync(path)) throw noSuchState(dataFolder, name)
    if (isEmptied(path)) throw new StateDamagedError(path, 'the file is empty, and yet there are backups')
    makeFolder(join(dataFolder, 'states'))
    return SqliteState.open(path, options)
  },
} as const

export type StateBackend = keyof typeof STATE_BACKENDS

/** The file of a state of the sqlite backend. @throws INVALID_REQUEST for a name that could not be a file's. */
export function statePath(dataFolder: string, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(name)) {
    throw new HoldfastError('INVALID_REQUEST', `${JSON.stringify(name)} is no name of a state`, {
      hint: 'Give up to 100 letters, digits, - and _, beginning with a letter or digit.',
    })
  }
  return join(dataFolder, 'states', `${name}${SUFFIX}`)
}

/** A crash of the machine may leave a file empty. One that was never saved to is empty too, but has no backups. */
function isEmptied(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.size !== 0) return false
  return namesIn(backupsBeside(path)).length > 0
}

/** Where the backups of the state in a file are. */
export function backupsBeside(path: string): string {
  return `${path.slice(0, -SUFFIX.length)}.backups`
}

/** Of the states in a folder. */
function namesIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
}

function noSuchState(dataFolder: string, name: string): HoldfastError {
  const names = namesIn(join(dataFolder, 'states')).toSorted()
  return new HoldfastError('NOT_FOUND', `there is no state ${name} in ${dataFolder}`, {
    hint: names.length > 0 ? `There are: ${names.join(', ')}.` : 'The first build or import makes one.',
  })
}

/** The lock whose holders may save the state. */
export function lockOfState(name: string): string {
  return `state/${name}`
}
