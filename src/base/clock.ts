/** The longest that a timer of Node can count, ms: 24 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** Where the time comes from: injected, so that a test can move it. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. May jump when the machine's clock is set. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }
