/** The errors of locks. */
import { ErrorFamily, type ErrorOptions, type ErrorTable } from '../base/index.ts'
import type { StorageErrorCode } from '../storage/index.ts'
import type { LockInfo } from './lock-info.ts'

export const LOCK_ERRORS = {
  LOCK_HELD: { http: 423, exit: 75, meaning: 'Another process holds the lock; the details name the holder.' },
  LOCK_TIMEOUT: { http: 423, exit: 75, meaning: 'The lock did not become free within the wait that was asked for.' },
  LOCK_LOST: {
    http: 409,
    exit: 75,
    meaning: 'The lock expired or was broken, and another process may hold it by now.',
  },
  WRONG_LOCK_ID: { http: 409, exit: 65, meaning: 'The lock is held under another id than the one given.' },
  LOCK_DAMAGED: {
    http: 500,
    exit: 74,
    meaning: 'The record of a lock, or the file of all locks, is not as it was written.',
  },
  LOCKS_REPLACED: {
    http: 503,
    exit: 75,
    meaning: 'The file of all locks was removed or replaced while it was open; open the locks again.',
  },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type LockErrorCode = keyof typeof LOCK_ERRORS | StorageErrorCode

export class LockError extends ErrorFamily<LockErrorCode> {}

/**
 * LOCK_HELD: another process holds it and the caller did not want to wait. `details.holder` is the holder's LockInfo.
 */
export class LockHeldError extends LockError {
  constructor(holder: LockInfo) {
    super('LOCK_HELD', `the lock ${holder.name} is held by ${describeHolder(holder)}`, forHolder(holder))
  }
}

/** LOCK_TIMEOUT: it did not become free in time. `details.holder` is the holder's LockInfo, if there still is one. */
export class LockTimeoutError extends LockError {
  constructor(name: string, waitedMs: number, holder: LockInfo | null) {
    const by = holder ? `; it is held by ${describeHolder(holder)}` : ''
    super('LOCK_TIMEOUT', `the lock ${name} did not become free within ${waitedMs} ms${by}`, forHolder(holder))
  }
}

/** LOCK_LOST: the lock is no longer the caller's. What it guards may have changed hands: stop, load again. */
export class LockLostError extends LockError {
  /** The lock's name. */
  readonly lock: string
  constructor(name: string, why: string, options: ErrorOptions = {}) {
    super('LOCK_LOST', `the lock ${name} is lost: ${why}`, {
      hint: 'Stop what was done under it, look at what is there now, and begin again under a new lock.',
      ...options,
    })
    this.lock = name
  }
}

function describeHolder(holder: LockInfo): string {
  return `${holder.who} since ${holder.created} for "${holder.operation}" (id ${holder.id})`
}

function forHolder(holder: LockInfo | null): ErrorOptions {
  if (!holder) return { retryable: true }
  return {
    retryable: true,
    details: { holder },
    hint: `Wait for it, or, when you are sure that it is dead: holdfast lock force-unlock ${holder.name} ${holder.id}`,
  }
}
