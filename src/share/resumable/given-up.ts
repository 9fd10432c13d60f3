/**
 * Uploads that guests began and gave up: they leave nothing behind, but each has cost files, rows and waits for the
 * disk.
 */
import { type Clock } from '../../base/index.ts'
import { ShareError } from '../errors.ts'

/** Far more than a person gives up through one link. */
const MAX_AN_HOUR = 1000
const HOUR_MS = 3_600_000

export class GivenUp {
  readonly #clock: Clock
  /** By guest link, in the order of their hours; only the last hour's. */
  readonly #links = new Map<string, { count: number; since: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(linkId: string): void {
    const now = this.#clock.now()
    for (const [id, { since }] of this.#links) {
      if (now - since < HOUR_MS && now >= since) break
      this.#links.delete(id)
    }
    const known = this.#links.get(linkId)
    if (known) known.count += 1
    else this.#links.set(linkId, { count: 1, since: now })
  }

  /** @throws TOO_MANY_UPLOADS when too many were given up through the link within the hour. */
  requireFew(linkId: string): void {
    const known = this.#links.get(linkId)
    const leftMs = known ? known.since + HOUR_MS - this.#clock.now() : 0
    if (!known || known.count < MAX_AN_HOUR || leftMs <= 0 || leftMs > HOUR_MS) return
    throw new ShareError('TOO_MANY_UPLOADS', `${known.count} uploads through this guest link were given up lately`, {
      retryable: true,
      details: { retryAfterSeconds: Math.ceil(leftMs / 1000) },
    })
  }
}
