/** Turns updates into saves: runs them on drafts, one upon the other, and commits what they changed in one go. */
import { randomUUID } from 'node:crypto'
import { formatBytes, HoldfastError } from '../base/index.ts'
import { LockLostError, WHO, type Lock } from '../lock/index.ts'
import type { Build } from './build.ts'
import { BuildCache } from './cache.ts'
import { Draft } from './draft.ts'
import { deepFreeze } from './json.ts'
import type { Changes, LayeredMap } from './layered-map.ts'
import { takeText } from './parse-build.ts'
import type { Fence, SaveRequest, StateHead, StateStore } from './state-store.ts'
import type { Update } from './update-queue.ts'
import { StateError } from './errors.ts'

/** A save that always finds the state changed meets a process that saves without the lock. */
const MAX_ATTEMPTS = 10
/** The records of saves that can be read in the time that reading a build again takes. */
const SAVES_PER_BUILD = 4
/** When more builds than these have changed, the whole state is read anew, if it is asked for. */
const MAX_CATCH_UP = 1000

/** All builds as one save left them. */
export interface WholeState {
  serial: number
  builds: LayeredMap
}

interface Applied {
  update: Update
  value: unknown
  changes: Changes
  /** Null when it changed nothing. */
  request: SaveRequest | null
}

/** Told only when the others are saved: until then all of them may be tried again. */
interface Failed {
  update: Update
  error: unknown
}

export class Committer {
  readonly cache = new BuildCache()
  readonly #store: StateStore
  readonly #onSave: (head: StateHead, startedAtMs: number) => void
  #tail: Promise<unknown> = Promise.resolve()
  /** What the last commit left, which is the newest while its lock is held: the store refuses a commit upon another. */
  #left: { lock: Lock; head: StateHead } | null = null

  constructor(store: StateStore, onSave: (head: StateHead, startedAtMs: number) => void) {
    this.#store = store
    this.#onSave = onSave
  }

  /** The state's head, with the cache brought up to it. */
  async refresh(): Promise<StateHead> {
    if (this.cache.count !== null) return this.#catchUp()
    const head = await this.#store.head()
    const later = head.serial - this.cache.serial
    if (later === 0) return head
    if (later < 0 || later >= this.cache.size * SAVES_PER_BUILD) this.cache.forget(head.serial, null)
    else await this.#forgetChanged(head.serial)
    return head
  }

  /**
   * Keeps a whole state that was read from the store. Saves may have come meanwhile, and updates that build on them
   * read from the cache: it must not go back.
   * @returns the state, for the caller to keep, as new as it could be made.
   */
  async adopt(read: WholeState): Promise<WholeState> {
    let newest = read
    for (let attempt = 1; newest.serial < this.cache.serial; attempt++) {
      const later = attempt < MAX_ATTEMPTS ? await this.#laterThan(newest) : null
      if (!later) return newest
      newest = later
    }
    this.cache.setWhole(newest.serial, newest.builds)
    this.cache.lend()
    return newest
  }

  /** Null when too much has changed, or what did is not known. */
  async #laterThan({ serial, builds }: WholeState): Promise<WholeState | null> {
    const names = await this.#store.changedSince(serial)
    const news = names && (await this.#store.changesSince(serial, MAX_CATCH_UP))
    if (!news) return null
    // A name without a new build: the build was removed.
    const changes = new Map<string, Build | null>([...names].map((name) => [name, null]))
    for (const { name, body } of news.builds) changes.set(name, JSON.parse(body) as Build)
    const later = builds.with(changes)
    return later.size === news.head.buildCount ? { serial: news.head.serial, builds: later } : null
  }

  /** A build at the serial of the cache; no promise when it is there. */
  read(name: string): Build | null | Promise<Build | null> {
    const cached = this.cache.get(name)
    return cached === undefined ? this.#readStored(name) : cached
  }

  async #readStored(name: string): Promise<Build | null> {
    const { serial } = this.cache
    const stored = await this.#store.get(name)
    const build = stored && buildOf(stored.body)
    if (this.cache.serial === serial) this.cache.put(name, build)
    return build
  }

  /**
   * Commits a batch under the state's lock and settles its updates. Batches of one process follow each other.
   * @throws what keeps all of them from being saved, with none of them settled: LOCK_LOST of that lock among others.
   */
  commit(batch: readonly Update[], lock: Lock): Promise<void> {
    const result = this.#tail.then(() => this.#commit(batch, lock))
    this.#tail = result.catch(() => {})
    return result
  }

  async #commit(batch: readonly Update[], lock: Lock): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryToCommit(batch, lock)
      } catch (error) {
        const isStale = error instanceof HoldfastError && error.code === 'STALE_STATE'
        if (isStale && attempt < MAX_ATTEMPTS) continue
        // One whose own lock is lost must not drag the others down with it.
        if (!(error instanceof LockLostError) || isLossOf(lock, error) || batch.length === 1) throw error
        for (const update of batch) {
          await this.#commit([update], lock).catch((reason: unknown) => update.settle({ error: reason }))
        }
        return
      }
    }
  }

  async #tryToCommit(batch: readonly Update[], lock: Lock): Promise<void> {
    const startedAt = performance.now()
    const head = await this.#headUnder(lock)
    const chain: SaveRequest[] = []
    const applied: (Applied & { serial: number })[] = []
    const failed: Failed[] = []
    const pending = new Map<string, Build | null>()
    for (const update of batch) {
      const result = await this.#apply(update, head, head.serial + chain.length + 1, pending)
      if ('error' in result) {
        failed.push(result)
        continue
      }
      if (result.request) chain.push(result.request)
      for (const [name, build] of result.changes) pending.set(name, build)
      applied.push({ ...result, serial: head.serial + chain.length })
    }
    if (chain.length > 0) {
      const saved = await this.#store.save(head.serial, chain, fencesOf(lock, applied))
      if (this.cache.serial === head.serial) this.cache.advance(saved.serial, pending)
      this.#left = { lock, head: saved }
      this.#onSave(saved, startedAt)
    }
    for (const { update, value, serial } of applied) update.settle({ value, serial })
    for (const { update, error } of failed) update.settle({ error })
  }

  async #headUnder(lock: Lock): Promise<StateHead> {
    const left = this.#left
    this.#left = null
    return left?.lock === lock && left.head.serial === this.cache.serial ? left.head : this.refresh()
  }

  async #apply(update: Update, head: StateHead, serial: number, pending: Changes): Promise<Applied | Failed> {
    const read = (name: string) => {
      const changed = pending.get(name)
      if (changed !== undefined) return changed
      return head.buildCount === 0 ? null : this.read(name)
    }
    const draft = new Draft(head.lineage, serial, read, pending, update.isFree)
    try {
      update.guard?.assertHeld()
      const value = await update.apply(draft)
      const { changes } = draft
      return { update, value, changes, request: changes.size > 0 ? this.#requestOf(update, changes) : null }
    } catch (error) {
      return { update, error }
    }
  }

  /** @throws INVALID_BUILD when a build is longer than the store can keep. */
  #requestOf({ operation }: Update, changes: Changes): SaveRequest {
    const put: SaveRequest['put'][number][] = []
    const remove: string[] = []
    for (const [name, build] of changes) {
      if (!build) remove.push(name)
      else put.push({ name, status: build.status, body: this.#bodyOf(build) })
    }
    return { id: randomUUID(), put, remove, at: Date.now(), who: WHO, operation }
  }

  #bodyOf(build: Build): string {
    const body = takeText(build)
    const { maxBuildBytes } = this.#store.capabilities
    // A UTF-16 unit takes three bytes at most: few texts need to be counted.
    if (body.length * 3 <= maxBuildBytes) return body
    const sizeBytes = Buffer.byteLength(body)
    if (sizeBytes <= maxBuildBytes) return body
    throw new StateError('INVALID_BUILD', `the build ${build.name} takes ${formatBytes(sizeBytes)} as JSON`, {
      hint: `The state keeps builds of up to ${formatBytes(maxBuildBytes)}: keep large data in files, and their paths here.`,
    })
  }

  async #forgetChanged(serial: number): Promise<void> {
    const base = this.cache.serial
    const changed = await this.#store.changedSince(base)
    // Another call may have been quicker.
    if (this.cache.serial === base) this.cache.forget(serial, changed)
  }

  /** Reads what others changed of a state that is wholly in memory. */
  async #catchUp(): Promise<StateHead> {
    const base = this.cache.serial
    const news = await this.#store.changesSince(base, MAX_CATCH_UP)
    if (this.cache.serial !== base) return this.refresh()
    if (!news) {
      this.cache.forget(base, null)
      return this.refresh()
    }
    const { head, builds } = news
    if (head.serial === base) return head
    this.cache.advance(head.serial, new Map(builds.map(({ name, body }) => [name, JSON.parse(body) as Build])))
    // Others are gone; which, the next to ask for the whole state will see.
    if (this.cache.count !== head.buildCount) this.cache.forget(head.serial, null)
    return head
  }
}

/** A build from a text of the store, which has its checksum to vouch for it. */
export function buildOf(body: string): Build {
  return deepFreeze(JSON.parse(body) as Build)
}

/** Whether the error says that this lock is lost, or a lock around it. */
export function isLossOf(lock: Lock, error: unknown): boolean {
  return error instanceof LockLostError && lock.fences.some((fence) => fence.lock === error.lock)
}

function fencesOf(lock: Lock, applied: readonly Applied[]): readonly Fence[] {
  const guards = applied.map(({ update }) => update.guard).filter((guard) => guard !== null)
  // The same array from save to save, by which the store knows the holder.
  return guards.length === 0 ? lock.fences : [...new Set([lock, ...guards])].flatMap(({ fences }) => fences)
}
