/**
 * While callers of this process wait: finds what no bell told of. Locks that were passed to them, holders that died,
 * places in line that were lost.
 */
import { isBusy } from '../../storage/index.ts'
import { isHeld, type HeldEntry, type LockEntry, type LockTable } from './lock-table.ts'
import type { Waiter, Waiters } from './waiters.ts'

/** Shortest time between two looks, ms; twice that at most, at random. */
const LOOK_EVERY_MS = 150
/** A lost place in line is an accident, so it is looked for only so often. */
const CHECK_PLACES_EVERY_MS = 1000

export interface LookoutParts {
  table: LockTable
  waiters: Waiters
  /** Runs within a transaction. */
  write: <T>(operation: () => T) => Promise<T>
  /** Why no lock can be found any more, or null. */
  failure: () => unknown
  /** What an error of SQLite means. */
  explain: (error: unknown) => unknown
  /** Called when a lock was delivered to a waiter of this process. */
  onDelivered: (lock: string) => void
  /** Called when a lock was passed to a new holder, anywhere. */
  onPassedOn: (holder: HeldEntry) => void
}

export class Lookout {
  readonly #parts: LookoutParts
  #timer: NodeJS.Timeout | null = null
  #checkPlacesAtMs = 0

  constructor(parts: LookoutParts) {
    this.#parts = parts
  }

  /** Looks from time to time until no caller waits. */
  start(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null
        this.look()
        this.#mend()
        this.#checkPlaces()
        if (this.#parts.waiters.size > 0) this.start()
      },
      LOOK_EVERY_MS * (1 + Math.random()),
    )
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
  }

  /** Delivers the locks that were passed to waiters of this process. */
  look(): void {
    const { waiters, failure } = this.#parts
    const lost = failure()
    for (const lock of waiters.locks()) {
      if (lost !== null) waiters.fail(lock, lost)
      else this.#attempt(lock, () => this.#deliver(lock))
    }
  }

  #deliver(lock: string): void {
    const { table, waiters, onDelivered } = this.#parts
    const entry = table.inspect(lock)[0]?.entry ?? null
    if (isHeld(entry) && waiters.deliver(entry)) onDelivered(lock)
  }

  /** Passes on the locks of dead holders. */
  #mend(): void {
    const { table, waiters } = this.#parts
    for (const lock of waiters.locks()) {
      this.#attempt(lock, () => {
        const entry = table.inspect(lock)[0]?.entry ?? null
        const isSound = isHeld(entry) && table.status(entry) === 'held'
        if (!isSound) this.#inherit(lock).catch((error: unknown) => waiters.fail(lock, error))
      })
    }
  }

  async #inherit(lock: string): Promise<void> {
    const { table, write, onPassedOn } = this.#parts
    const next = await write(() => {
      const entry = table.entry(lock)
      return isHeld(entry) && table.status(entry) === 'held' ? null : table.passOn(entry)
    })
    if (next) onPassedOn(next)
  }

  #checkPlaces(): void {
    if (performance.now() < this.#checkPlacesAtMs) return
    this.#checkPlacesAtMs = performance.now() + CHECK_PLACES_EVERY_MS
    for (const waiter of this.#parts.waiters.all()) {
      if (waiter.ticket === null) continue
      this.#standAgain(waiter).catch((error: unknown) => this.#failUnlessBusy(waiter.claim.info.name, error))
    }
  }

  async #standAgain(waiter: Waiter): Promise<void> {
    const { table, waiters, write } = this.#parts
    const { id, name } = waiter.claim.info
    const isLost = (entry: LockEntry | null) => {
      const isInLine = entry && table.line(entry.number).some(({ claim }) => claim.info.id === id)
      return !isInLine && entry?.claim?.info.id !== id && waiters.has(waiter)
    }
    if (!isLost(table.read(name))) return
    await write(() => {
      const entry = table.entry(name)
      if (isLost(entry)) waiter.ticket = table.enqueue(entry.number, waiter.claim)
    })
  }

  /** A look that finds the file busy is made again; a look that finds it damaged ends the waits for the lock. */
  #attempt(lock: string, look: () => void): void {
    try {
      look()
    } catch (error) {
      this.#failUnlessBusy(lock, error)
    }
  }

  #failUnlessBusy(lock: string, error: unknown): void {
    if (!isBusy(error)) this.#parts.waiters.fail(lock, this.#parts.explain(error))
  }
}
