/** Locks between processes: with a line, an expiry, and a token that fences off whoever lost one without noticing. */
export { LOCK_BACKENDS, type LockBackend } from './backends.ts'
export { LockHeldError, LockLostError, LockTimeoutError } from './errors.ts'
export { LOCK_STATUSES, type HeldLock, type LockInfo, type LockStatus } from './lock-info.ts'
export { LockManager, type AcquireOptions, type LockManagerOptions } from './lock-manager.ts'
export type { Grant, LockRequest, LockStore, LockStoreCapabilities } from './lock-store.ts'
export { Lock } from './lock.ts'
export { withinLock, type LockFence } from './nested-lock.ts'
export { registerLockMetrics, type LockMetrics } from './metrics.ts'
