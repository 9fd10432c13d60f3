/** The lock room's errors as classes, for callers that prefer `instanceof` to codes. */
import { HoldfastError, type ErrorOptions } from '../base/index.ts'
import type { LockInfo } from './lock-info.ts'

/**
 * LOCK_HELD: another process holds it and the caller did not want to wait. `details.holder` is the holder's LockInfo.
 */
export class LockHeldError extends HoldfastError {
  constructor(holder: LockInfo) {
    super('LOCK_HELD', `the lock ${holder.name} is held by ${describeHolder(holder)}`, forHolder(holder))
  }
}

/** LOCK_TIMEOUT: it did not become free in time. `details.holder` is the holder's LockInfo, if there still is one. */
export class LockTimeoutError extends HoldfastError {
  constructor(name: string, waitedMs: number, holder: LockInfo | null) {
    const by = holder ? `; it is held by ${describeHolder(holder)}` : ''
    super('LOCK_TIMEOUT', `the lock ${name} did not become free within ${waitedMs} ms${by}`, forHolder(holder))
  }
}

/** LOCK_LOST: the lock is no longer the caller's. What it guards may have changed hands: stop, load again. */
export class LockLostError extends HoldfastError {
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
