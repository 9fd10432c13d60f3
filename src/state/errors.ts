/** The state room's errors as classes, for callers that prefer `instanceof` to codes. */
import { HoldfastError, type ErrorOptions } from '../base/index.ts'

/** STALE_STATE: the state has moved on since it was loaded. Nothing was saved; load again, apply the change again. */
export class StaleStateError extends HoldfastError {
  constructor(base: number, current: number) {
    super('STALE_STATE', `the state was loaded at serial ${base}, but is at serial ${current} by now`, {
      hint: 'Load the state again and apply the change to it; update() does so by itself.',
      retryable: true,
      details: { base, current },
    })
  }
}

/** STATE_DAMAGED: the stored bytes are not the written ones. They are left as they are. */
export class StateDamagedError extends HoldfastError {
  constructor(path: string, damage: string, options: ErrorOptions = {}) {
    super('STATE_DAMAGED', `the state in ${path} is damaged: ${damage}`, {
      hint: 'See all of it with: holdfast state verify. Go back to the newest good backup with: holdfast state restore',
      ...options,
    })
  }
}

export function noSuchSerial(serial: number, newest: number): HoldfastError {
  return new HoldfastError('NO_SUCH_SERIAL', `the state at serial ${serial} is not kept`, {
    hint: `The newest serial is ${newest}; see which are kept with: holdfast state history`,
  })
}
