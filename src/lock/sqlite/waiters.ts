/** The callers of this process that wait for a lock, and their answers. */
import type { LockInfo } from '../lock-info.ts'
import type { Grant } from '../lock-store.ts'
import type { Claim, HeldEntry } from './lock-table.ts'

export interface Waiter {
  claim: Claim
  /** Its place in line; null until the first transaction is over. */
  ticket: number | null
  granted: Promise<Grant>
  resolve: (grant: Grant) => void
  reject: (error: unknown) => void
}

export class Waiters {
  readonly #byId = new Map<string, Waiter>()

  get size(): number {
    return this.#byId.size
  }

  add(claim: Claim): Waiter {
    const { promise: granted, resolve, reject } = Promise.withResolvers<Grant>()
    // A caller that is answered at once never looks at it.
    granted.catch(() => {})
    const waiter = { claim, ticket: null, granted, resolve, reject }
    this.#byId.set(claim.info.id, waiter)
    return waiter
  }

  has({ claim }: Waiter): boolean {
    return this.#byId.has(claim.info.id)
  }

  remove({ claim }: Waiter): void {
    this.#byId.delete(claim.info.id)
  }

  removeAll(): Waiter[] {
    const all = this.all()
    this.#byId.clear()
    return all
  }

  all(): Waiter[] {
    return [...this.#byId.values()]
  }

  /** Names of the locks that are waited for. */
  locks(): Set<string> {
    return new Set(this.#byId.values().map(({ claim }) => claim.info.name))
  }

  /** The first of this process in the line for a lock. */
  first(lock: string): { ticket: number; claim: Claim } | undefined {
    for (const { claim, ticket } of this.#byId.values()) {
      if (ticket !== null && claim.info.name === lock) return { ticket, claim }
    }
    return undefined
  }

  /** @returns whether the holder was waiting here. */
  deliver(holder: HeldEntry): boolean {
    const { id } = holder.claim.info
    const waiter = this.#byId.get(id)
    if (!waiter) return false
    this.#byId.delete(id)
    waiter.resolve(grantOf(holder))
    return true
  }

  /** Ends the waits for a lock. */
  fail(lock: string, error: unknown): void {
    for (const [id, { claim, reject }] of this.#byId) {
      if (claim.info.name !== lock) continue
      this.#byId.delete(id)
      reject(error)
    }
  }
}

export function grantOf(entry: HeldEntry): Grant {
  const abandonedBy = entry.abandoned ? (JSON.parse(entry.abandoned) as LockInfo) : null
  return { fencingToken: entry.token, abandonedBy }
}
