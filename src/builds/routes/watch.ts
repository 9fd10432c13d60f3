/** A build as it goes on: its record and its log, looked at once a second for as long as a client listens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError } from '../../base/index.ts'
import type { BuildStates, WorkedOn } from './listing.ts'
import { LogFollower, type LogNews } from './log-follower.ts'
import { knownMetadata } from './metadata.ts'
import { viewBuild, type BuildView } from './views.ts'
import { workerOf } from './worker.ts'
import { BuildError } from '../errors.ts'

const EVERY_MS = 1000
/** After so much silence something is said, so that neither side takes the other for dead. */
const HEARTBEAT_MS = 15_000

export type BuildEvent =
  | { event: 'build'; data: BuildView }
  | { event: 'log'; data: LogNews }
  /** The build or its state can no longer be read; the last event. */
  | { event: 'problem'; data: { code: string; message: string } }
  | { event: 'heartbeat' }

export interface Watched {
  dataFolder: string
  states: BuildStates
  state: string
  name: string
}

/** The build and the end of its log, then every change of either, until `signal` aborts. */
export async function* watchBuild(watched: Watched, signal: AbortSignal): AsyncIterableIterator<BuildEvent> {
  const watcher = new Watcher(watched)
  let lastAt = performance.now()
  try {
    while (!signal.aborted) {
      for await (const event of watcher.look()) {
        yield event
        lastAt = performance.now()
      }
      if (performance.now() - lastAt > HEARTBEAT_MS) {
        yield { event: 'heartbeat' }
        lastAt = performance.now()
      }
      // Rejects when no client is left to wait for, and then the loop ends.
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {})
    }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    yield { event: 'problem', data: { code: error.code, message: error.message } }
  }
}

/** @throws NOT_FOUND; what the state throws. */
export async function requireBuild({ states, state, name }: Omit<Watched, 'dataFolder'>): Promise<WorkedOn> {
  return states.use(state, async (manager) => {
    const build = await manager.get(name)
    if (build) return { build, worker: await workerOf(manager, build) }
    throw new BuildError('NOT_FOUND', `there is no build ${name} in the state ${state}`)
  })
}

class Watcher {
  readonly #watched: Watched
  readonly #log: LogFollower
  #shown = ''

  constructor(watched: Watched) {
    this.#watched = watched
    this.#log = new LogFollower(watched.dataFolder)
  }

  async *look(): AsyncIterableIterator<BuildEvent> {
    // Costs next to nothing while the state does not change: the build is in memory.
    const { build, worker } = await requireBuild(this.#watched)
    const data = viewBuild(this.#watched.state, build, worker)
    const shown = JSON.stringify(data)
    if (shown !== this.#shown) yield { event: 'build', data }
    this.#shown = shown
    const news = await this.#log.look(knownMetadata(build).run?.log ?? null)
    if (news) yield { event: 'log', data: news }
  }
}
