/** Names of states, and of the locks that guard them. */
import { StateError } from './errors.ts'

/** @throws INVALID_REQUEST for a name that an engine could not keep: it may become part of a file name. */
export function assertStateName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(name)) return
  throw new StateError('INVALID_REQUEST', `invalid state name ${JSON.stringify(name)}`, {
    hint: 'Give up to 100 letters, digits, - and _, beginning with a letter or digit.',
  })
}

/** The lock whose holders may save the state. */
export function lockOfState(name: string): string {
  return `state/${name}`
}
