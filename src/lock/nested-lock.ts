/**
 * Locks within locks. What runs under a lock (`holdfast lock acquire NAME -- ...`) may take that lock again: it gets
 * the lock NAME/within, so that several that do so at once still take turns, and acts with the token of the
 * outer one. It has the lock for as long as it holds the inner lock and the outer one is held.
 */
import type { HeldLock } from './lock-info.ts'
import type { LockStore } from './lock-store.ts'

/** A token that must not be smaller than any seen with the lock's name. */
export interface LockFence {
  readonly lock: string
  readonly token: number
}

/** The name of the lock that those take who run under `name`. */
export function withinLock(name: string): string {
  return `${name}/within`
}

/** Where a lock is to be taken, and what is held around it, the outermost first. */
export interface LockPlace {
  readonly name: string
  readonly outer: readonly HeldLock[]
}

/** @param ours ids of locks that are held by who started this process. */
export async function findPlace(store: LockStore, name: string, ours: ReadonlySet<string>): Promise<LockPlace> {
  const outer: HeldLock[] = []
  for (let place = name; ; place = withinLock(place)) {
    const holder = ours.size > 0 ? await store.read(place) : null
    if (holder?.status !== 'held' || !ours.has(holder.id)) return { name: place, outer }
    outer.push(holder)
  }
}

/** Whether all that was held around the place still is, under the same ids. */
export async function isOuterHeld(store: LockStore, { outer }: LockPlace): Promise<boolean> {
  for (const { name, id } of outer) {
    const holder = await store.read(name)
    if (holder?.id !== id || holder.status !== 'held') return false
  }
  return true
}

/** What a lock at such a place needs of its store. */
export class NestedStore implements Pick<LockStore, 'renew' | 'release' | 'read'> {
  readonly #store: LockStore
  readonly #place: LockPlace

  constructor(store: LockStore, place: LockPlace) {
    this.#store = store
    this.#place = place
  }

  /** @returns false, with the inner lock released, when an outer one is lost. */
  async renew(_name: string, id: string, ttlMs: number): Promise<boolean> {
    if (await isOuterHeld(this.#store, this.#place)) return this.#store.renew(this.#place.name, id, ttlMs)
    await this.#store.release(this.#place.name, id)
    return false
  }

  release(_name: string, id: string): Promise<boolean> {
    return this.#store.release(this.#place.name, id)
  }

  read(): Promise<HeldLock | null> {
    return this.#store.read(this.#place.name)
  }
}
