/** The facts about a lock's holder. The names follow Terraform's LockInfo, in the case of JSON documents of ours. */

export interface LockInfo {
  /** Names this one acquisition; releasing and force-unlocking need it. */
  id: string
  /** The lock's name: any text of 1 to 200 characters without control characters. */
  name: string
  /** What the holder does: `build`, `state import`, ... */
  operation: string
  /** `user@host (pid 123)`. */
  who: string
  /** The Holdfast that took it. */
  version: string
  /** When it was acquired or, for a waiter, requested; ISO 8601, by the holder's clock. */
  created: string
  /** When it expires unless it is renewed; ISO 8601, by the wall clock, for people: expiry itself is monotonic. */
  expires: string
  /** Free text or JSON of the holder's own. */
  info: string
  /** Grows with every acquisition of any lock of the store. 0 while waiting. */
  fencingToken: number
}

export const LOCK_STATUSES = ['held', 'expired', 'abandoned', 'damaged'] as const

/**
 * `expired`: its time is up, the next caller gets it. `abandoned`: its process is gone, likewise. `damaged`: the
 * record is not as it was written: it stays taken until `forceUnlock` with the id that stands here.
 */
export type LockStatus = (typeof LOCK_STATUSES)[number]

export interface HeldLock extends LockInfo {
  status: LockStatus
  /** The waiters, the next one first. */
  waiting: readonly Pick<LockInfo, 'id' | 'operation' | 'who' | 'created'>[]
}
