/**
 * The port for locks: who holds which, and who stands in line. Drivers stand in folders beside this file;
 * `test/lock/conformance.ts` holds them to it. Renewing, timeouts and metrics are LockManager's job.
 */
import type { HeldLock, LockInfo } from './lock-info.ts'

export interface LockRequest {
  info: Omit<LockInfo, 'fencingToken' | 'expires'>
  /** How long the lock lasts without renewal, ms. */
  ttlMs: number
  /** The new fencing token is greater than this one and than all that the store gave before. */
  tokenAbove: number
  /** Whether the lock outlives the process that asks: only its TTL or a release ends it. */
  isDetached: boolean
  /** Whether to wait in line when it is held. */
  wait: boolean
  /** Called once if there is a wait, with the holder of that moment. */
  onWait?: (holder: LockInfo) => void
}

export interface Grant {
  fencingToken: number
  /** Who held the lock and never released it: dead, or out of time. */
  abandonedBy: LockInfo | null
}

export interface LockStoreCapabilities {
  /** Shortest TTL that the engine can keep, ms. Shorter ones are raised to it. */
  minTtlMs: number
}

/**
 * All methods may be called at the same time, by any number of handles in any number of processes. A lock has at most
 * one holder at any time. Transient failures of the engine are retried within; `onWait` is called at most once. All
 * that look for locks throw LOCKS_REPLACED, also during a wait, once others no longer see this handle's locks.
 */
export interface LockStore {
  readonly capabilities: LockStoreCapabilities
  /** Whether others no longer see the locks of this handle: all are lost. */
  isReplaced(): boolean
  /**
   * Takes the lock, if need be after all who asked before. Atomic: it is either wholly taken or not at all.
   * @returns the grant, or the holder when `wait` is false and the lock is held.
   * @throws the signal's reason when that aborts first, with the place in line given up; LOCK_DAMAGED.
   */
  acquire(request: LockRequest, signal?: AbortSignal): Promise<Grant | { holder: LockInfo }>
  /**
   * Gives a lock `ttlMs` more from now on. Also right after its time was up, as long as no other process took it.
   * @returns false when it is no longer held under this id.
   */
  renew(name: string, id: string, ttlMs: number): Promise<boolean>
  /** Gives the lock to the next in line, or frees it. @returns false when it was not held under this id. */
  release(name: string, id: string): Promise<boolean>
  /** The lock's holder, or null when it is free. Absence of the name is the same as free. */
  read(name: string): Promise<HeldLock | null>
  /** All held locks by name. */
  list(): Promise<HeldLock[]>
  /**
   * Frees a lock whoever holds it, a damaged one included, if `id` is what `read` shows.
   * @returns whether it was.
   */
  forceRelease(name: string, id: string): Promise<boolean>
  /** Leaves all lines (their callers get NOT_READY) and closes. Locks that are held stay held. Idempotent. */
  close(): Promise<void>
}
