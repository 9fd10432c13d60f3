/** What the errors of SQLite and of our own checks mean to users of a state. */
import { messageOf } from '../../base/index.ts'
import { isCorrupt, isDiskFull, isInaccessible, unusableFile } from '../../storage/index.ts'
import { StateDamagedError } from '../errors.ts'
import { MetaDamage } from './meta.ts'
import { SaveDamage } from './saves.ts'
import { StateError } from '../errors.ts'

export function translate(error: unknown, path: string): unknown {
  if (error instanceof SaveDamage || error instanceof MetaDamage || isCorrupt(error))
    return new StateDamagedError(path, messageOf(error), { cause: error })
  if (isInaccessible(error)) return unusableFile(`the state in ${path}`, error)
  if (!isDiskFull(error)) return error
  return new StateError('NO_SPACE', `the disk of ${path} is full: nothing was changed`, {
    hint: 'Free some space and try again; reading needs a little too.',
    retryable: true,
    cause: error,
  })
}
