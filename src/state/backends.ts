/** Where states can be kept. A new backend is a driver in a folder of its own and a line here. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError } from '../base/index.ts'
import { makeFolder } from '../storage/index.ts'
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

function noSuchState(dataFolder: string, name: string): HoldfastError {
  const folder = join(dataFolder, 'states')
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(SUFFIX)) : []
  const names = files.map((file) => file.slice(0, -SUFFIX.length)).toSorted()
  return new HoldfastError('NOT_FOUND', `there is no state ${name} in ${dataFolder}`, {
    hint: names.length > 0 ? `There are: ${names.join(', ')}.` : 'The first build or import makes one.',
  })
}

/** The lock whose holders may save the state. */
export function lockOfState(name: string): string {
  return `state/${name}`
}
