import type { ExitReason } from '../results/result.ts'

/** Why an attempt at an iteration ended without success. */
export class Failure extends Error {
  readonly reason: ExitReason
  /**
   * Whether it was of the lab's making (boot, connection, readiness), so that a fresh machine may do better. What the
   * server itself did wrong is a result, and is never tried again until it looks better.
   */
  readonly isTransient: boolean

  constructor(
    reason: ExitReason,
    message: string,
    { isTransient = false, cause }: { isTransient?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.reason = reason
    this.isTransient = isTransient
  }
}
