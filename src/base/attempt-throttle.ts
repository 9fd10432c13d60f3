import { isIPv6 } from 'node:net'
import type { Clock } from './clock.ts'
import { BaseError } from './errors.ts'

/** So many wrong guesses are free; people mistype. */
const FREE_ATTEMPTS = 5
const FIRST_PENALTY_MS = 1000
const MAX_PENALTY_MS = 15 * 60_000
/** After so long without a guess the count begins anew. */
const FORGET_MS = 60 * 60_000
const MAX_ADDRESSES = 10_000

interface Attempts {
  count: number
  lastAt: number
}

/**
 * Slows down guessing of secrets: after five wrong guesses an address waits 1 s, 2 s, 4 s ... up to 15 minutes. Each
 * secret counts by itself, so that a right guess of one does not forgive wrong ones of another.
 */
export class AttemptThrottle {
  readonly #clock: Clock
  readonly #attempts = new Map<string, Attempts>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Counts a guess of a secret, as a wrong one until {@link succeeded} says otherwise, so that guesses side by side all
   * count.
   * @throws TOO_MANY_ATTEMPTS with `details.retryAfterSeconds`; the guess must not be looked at then.
   */
  attempt(address: string, secret = ''): void {
    const key = keyOf(address, secret)
    const now = this.#clock.now()
    const known = this.#attempts.get(key)
    const attempts = known && now >= known.lastAt && now - known.lastAt < FORGET_MS ? known : { count: 0, lastAt: 0 }
    const waitMs = attempts.lastAt + penalty(attempts.count) - now
    if (waitMs > 0) {
      const retryAfterSeconds = Math.ceil(waitMs / 1000)
      throw new BaseError('TOO_MANY_ATTEMPTS', `too many wrong attempts: wait ${retryAfterSeconds} s`, {
        retryable: true,
        details: { retryAfterSeconds },
      })
    }
    // Deleted and set again, so that the map is ordered by the last guess.
    this.#attempts.delete(key)
    this.#attempts.set(key, { count: attempts.count + 1, lastAt: now })
    if (this.#attempts.size > MAX_ADDRESSES) this.#forgetOldest()
  }

  succeeded(address: string, secret = ''): void {
    this.#attempts.delete(keyOf(address, secret))
  }

  #forgetOldest(): void {
    const oldest = this.#attempts.keys().next().value
    if (oldest !== undefined) this.#attempts.delete(oldest)
  }
}

function keyOf(address: string, secret: string): string {
  return `${network(address)} ${secret}`
}

function penalty(count: number): number {
  return count < FREE_ATTEMPTS ? 0 : Math.min(FIRST_PENALTY_MS * 2 ** (count - FREE_ATTEMPTS), MAX_PENALTY_MS)
}

/** One subscriber has a whole /64 of IPv6, so that is what counts as an address. */
function network(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const after = tail?.split(':').filter((group) => group !== '') ?? []
  const zeros = Array.from({ length: 8 - groups.length - after.length }, () => '0')
  return [...groups, ...zeros, ...after].slice(0, 4).join(':')
}
