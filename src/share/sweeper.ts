/** Removes what is over: files of the trash, blobs without a row, what crashed uploads left. */
import type { Clock, Log } from '../base/index.ts'
import type { BlobStore } from '../storage/index.ts'
import type { Files } from './files.ts'
import type { ResumableUploads } from './resumable/resumable-uploads.ts'
import type { FreeSpace } from './free-space.ts'
import type { GuestLinks } from './guest-links.ts'
import type { Orphans } from './orphans.ts'
import type { Trash } from './trash.ts'
import type { Uptime } from './uptime.ts'

export interface Sweep {
  purgedFiles: number
  purgedGuestLinks: number
  orphanedBlobs: number
  leftovers: number
  abandonedUploads: number
}

/** How often the clock is looked at, and the uptime is saved, at least. */
const WATCH_EVERY_MS = 60_000
/** Smaller jumps are the drift that a time server corrects. */
const CLOCK_JUMP_MS = 3_600_000

export interface SweeperDependencies {
  files: Files
  blobs: BlobStore
  orphans: Orphans
  resumable: ResumableUploads | null
  trash: Trash
  guestLinks: GuestLinks
  uptime: Uptime
  clock: Clock
  freeSpace: FreeSpace
  log: Log
}

export class Sweeper {
  readonly #deps: SweeperDependencies
  readonly #timers: NodeJS.Timeout[] = []
  #offset: number
  #running: Promise<unknown> = Promise.resolve()

  constructor(deps: SweeperDependencies) {
    this.#deps = deps
    this.#offset = deps.clock.now() - performance.now()
  }

  /** Sweeps now and then every `intervalMs`. A sweep that fails is logged, and the next one tries again. */
  start(intervalMs: number): void {
    this.#every(intervalMs, async () => this.sweep())
    this.#every(Math.min(intervalMs, WATCH_EVERY_MS), async () => this.#watch())
    void this.#run(async () => this.sweep())
  }

  /** Ends the sweeping; resolves when none runs and the uptime is saved. */
  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await this.#run(async () => this.#deps.uptime.save())
  }

  #every(intervalMs: number, task: () => Promise<unknown>): void {
    this.#timers.push(setInterval(() => void this.#run(task), intervalMs).unref())
  }

  /** One after the other. */
  async #run(task: () => Promise<unknown>): Promise<void> {
    this.#running = this.#running
      .then(task)
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'the sweep failed'))
    await this.#running
  }

  /** Between two sweeps too: a clock that was wrong only for a while must be noticed as right again. */
  async #watch(): Promise<void> {
    // The wall clock's gain on the clock that cannot be set.
    const offset = this.#deps.clock.now() - performance.now()
    const wrongByMs = offset - this.#offset
    this.#offset = offset
    if (Math.abs(wrongByMs) > CLOCK_JUMP_MS) {
      this.#deps.log.warn({ seconds: Math.round(wrongByMs / 1000) }, 'the clock of this machine was set')
      if (wrongByMs > 0) await this.#deps.trash.correctTimes(wrongByMs)
    }
    await this.#deps.trash.followClock()
    await this.#deps.uptime.save()
  }

  async sweep(): Promise<Sweep> {
    // Each by itself: the failure of one must not keep the others from making room.
    const { blobs, files, guestLinks, orphans, resumable, trash } = this.#deps
    await this.#attempt(async () => (await this.#watch(), 0))
    const swept = {
      leftovers: await this.#attempt(async () => blobs.removeLeftovers(async (key) => files.hasBlob(key))),
      orphanedBlobs: await this.#attempt(async () => orphans.sweep()),
      abandonedUploads: await this.#attempt(async () => resumable?.sweep() ?? 0),
      purgedFiles: await this.#attempt(async () => trash.removeOverdue()),
      purgedGuestLinks: await this.#attempt(async () => guestLinks.removeOverdue()),
    }
    await this.#attempt(async () => (await this.#deps.freeSpace.relieve(), 0))
    if (Object.values(swept).some((count) => count > 0)) this.#deps.log.info(swept, 'swept')
    return swept
  }

  async #attempt(step: () => Promise<number>): Promise<number> {
    try {
      return await step()
    } catch (error) {
      this.#deps.log.error({ err: error }, 'a part of the sweep failed')
      return 0
    }
  }
}
