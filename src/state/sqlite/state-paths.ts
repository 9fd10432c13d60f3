/** Where a data folder keeps its states and their backups: `states/NAME.db`, `states/NAME.backups/`. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { assertStateName } from '../names.ts'

const SUFFIX = '.db'

/** The file of a state. @throws INVALID_REQUEST for a name that could not be a file's. */
export function statePath(dataFolder: string, name: string): string {
  assertStateName(name)
  return join(dataFolder, 'states', `${name}${SUFFIX}`)
}

export function backupFolder(dataFolder: string, name: string): string {
  return backupsBeside(statePath(dataFolder, name))
}

/** Sorted. Empty when there is no folder of states. */
export function stateNamesIn(dataFolder: string): string[] {
  return databasesIn(join(dataFolder, 'states')).toSorted()
}

/** A crash of the machine may leave a file empty. A state that was never saved to is empty too, but has no backups. */
export function isEmptied(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.size !== 0) return false
  return databasesIn(backupsBeside(path)).length > 0
}

function backupsBeside(path: string): string {
  return `${path.slice(0, -SUFFIX.length)}.backups`
}

function databasesIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
}
