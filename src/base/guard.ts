/** Stops asking a thing that keeps failing: retries (retry.ts) round a circuit breaker. */
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen, isBrokenCircuitError, wrap } from 'cockatiel'
import { BaseError } from './errors.ts'
import { retryPolicy, type RetryOptions } from './retry.ts'

export interface GuardOptions extends RetryOptions {
  /** The guarded thing, for the message when the circuit is open: `the state database`. */
  subject: string
  /** Failed tries in a row that open the circuit. Default 20. */
  breakAfter?: number
  /** How long an open circuit refuses before it lets one try through. Default 5 s. */
  resetAfterMs?: number
  /** Called when the circuit opens (true) and when it closes again (false). */
  onCircuit?: (isOpen: boolean) => void
}

export interface Guard {
  /**
   * Runs `task`, again after transient failures: it must be safe to repeat. An abort of `signal` ends the waits.
   * @throws CIRCUIT_OPEN without running it while the circuit is open; what `task` threw last.
   */
  run<T>(task: () => T | Promise<T>, signal?: AbortSignal): Promise<T>
  readonly isOpen: boolean
}

/** A retry with exponential backoff and jitter round a circuit breaker. Safe for any number of callers at once. */
export function createGuard(options: GuardOptions): Guard {
  const { subject, breakAfter = 20, resetAfterMs = 5000 } = options
  const transient = handleWhen((error) => options.isTransient(error))
  const breaker = circuitBreaker(transient, {
    breaker: new ConsecutiveBreaker(breakAfter),
    halfOpenAfter: resetAfterMs,
  })
  breaker.onBreak(() => options.onCircuit?.(true))
  breaker.onReset(() => options.onCircuit?.(false))
  const policy = wrap(retryPolicy(options), breaker)
  // While all goes well the policies have nothing to do, and tasks may be shorter than what they cost.
  let isCalm = true
  return {
    get isOpen() {
      return breaker.state === CircuitState.Open
    },
    async run(task, signal) {
      let failure: { error: unknown } | null = null
      if (isCalm) {
        try {
          return await task()
        } catch (error) {
          if (!options.isTransient(error)) throw error
          failure = { error }
          isCalm = false
        }
      }
      const tryAgain = () => {
        if (!failure) return task()
        const { error } = failure
        failure = null
        // The policies hear of the failed try as of their own first one.
        throw error
      }
      try {
        const result = await policy.execute(tryAgain, signal)
        isCalm = true
        return result
      } catch (error) {
        if (!isBrokenCircuitError(error)) throw error
        throw new BaseError('CIRCUIT_OPEN', `${subject} has failed ${breakAfter} times in a row and is left alone`, {
          hint: `See the log for the failures; the next try is at most ${resetAfterMs / 1000} s away.`,
          retryable: true,
          cause: error,
        })
      }
    },
  }
}
