/**
 * Tells another process of this machine that a lock may now be its own, within microseconds. The bell is SIGURG: a
 * process that does not listen for it ignores it, so a ring that reaches a stranger does no harm. A ring is a hint
 * that may get lost; waiters also look for themselves every now and then.
 */
import { systemErrorCode } from '../../base/index.ts'

const BELL = 'SIGURG'
const listeners = new Set<() => void>()

/**
 * Calls `listener` at each ring, until `stopListening`. In worker threads, which get no signals, it is never called.
 */
export function listenForBell(listener: () => void): void {
  if (listeners.size === 0) process.on(BELL, answer)
  listeners.add(listener)
}

export function stopListening(listener: () => void): void {
  listeners.delete(listener)
  if (listeners.size === 0) process.off(BELL, answer)
}

export function ringBell(pid: number): void {
  try {
    process.kill(pid, BELL)
  } catch (error) {
    // Gone, or another user's: it will look for itself if it still can.
    if (!['ESRCH', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error
  }
}

function answer(): void {
  for (const listener of listeners) listener()
}
