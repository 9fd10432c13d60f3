/** Tries again what may well succeed in a moment, each time after a longer and random wait. */
import { ExponentialBackoff, handleWhen, retry, type RetryPolicy } from 'cockatiel'

export interface RetryOptions {
  /** Whether an error may go away by itself. Others are thrown at once. */
  isTransient(error: unknown): boolean
  /** Tries after the first one. Default 6. */
  retries?: number
  /** Upper bound of the first wait, doubled for each further one. Default 5 ms. */
  initialDelayMs?: number
  /** Longest wait between two tries. Default 500 ms. */
  maxDelayMs?: number
  onRetry?: (error: unknown) => void
}

/**
 * Runs a task, again after transient failures: it must be safe to repeat. An abort of `signal` ends the waits.
 * @throws what the task threw last.
 */
export type Retry = <T>(task: () => T | Promise<T>, signal?: AbortSignal) => Promise<T>

export function createRetry(options: RetryOptions): Retry {
  const policy = retryPolicy(options)
  return async (task, signal) => policy.execute(task, signal)
}

export function retryPolicy(options: RetryOptions): RetryPolicy {
  const { retries = 6, initialDelayMs = 5, maxDelayMs = 500, onRetry } = options
  const backoff = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs })
  const policy = retry(
    handleWhen((error) => options.isTransient(error)),
    { maxAttempts: retries, backoff },
  )
  policy.onRetry((reason) => onRetry?.('error' in reason ? reason.error : reason.value))
  return policy
}
