/**
 * The states of an engine, which builds and the command line keep there. Their code is loaded and their files are
 * opened at the first request for them, so a server that only shares files pays nothing.
 */
import { HoldfastError, messageOf, type Log, type Metrics } from '../base/index.ts'
import type { Engine, StateManager } from '../state/index.ts'
import { ServerError } from './errors.ts'

export class OpenStates implements AsyncDisposable {
  readonly #location: string
  readonly #metrics: Metrics
  readonly #log: Log
  readonly #open = new Map<string, Promise<StateManager>>()
  #engine: Promise<Engine> | null = null

  /** @param location Of the engine: the data folder, or a URL. */
  constructor(location: string, metrics: Metrics, log: Log) {
    this.#location = location
    this.#metrics = metrics
    this.#log = log
  }

  /** The open ones, though they may have been removed since. */
  get opened(): readonly string[] {
    return [...this.#open.keys()]
  }

  engine(): Promise<Engine> {
    this.#engine ??= import('../state/index.ts').then(({ openEngine }) => openEngine(this.#location))
    return this.#engine
  }

  /** Of all that are there now, in order. */
  async names(): Promise<string[]> {
    const engine = await this.engine()
    return engine.stateNames()
  }

  /**
   * Runs `read` on a state; once more on the new file when the state was restored meanwhile.
   * @throws NOT_FOUND when there is none: asking for a state does not make one; what opening and `read` throw.
   */
  async use<T>(name: string, read: (state: StateManager) => Promise<T>): Promise<T> {
    const state = await this.#get(name)
    try {
      return await read(state)
    } catch (error) {
      if (!(await this.#dropIfReplaced(name, state, error))) throw error
      return await read(await this.#get(name))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of await Promise.allSettled(this.#open.values())) {
      if (opened.status === 'fulfilled') await opened.value.close()
    }
    const engine = await this.#engine
    await engine?.close()
  }

  async #get(name: string): Promise<StateManager> {
    const known = this.#open.get(name)
    if (known) return known
    if (!(await this.names()).includes(name)) throw new ServerError('NOT_FOUND', `there is no state ${name}`)
    const opening = this.#open.get(name) ?? this.#openState(name)
    this.#open.set(name, opening)
    // A failed one is tried anew the next time.
    opening.catch(() => this.#open.delete(name))
    return opening
  }

  async #openState(name: string): Promise<StateManager> {
    const { StateManager } = await import('../state/index.ts')
    return StateManager.open(await this.engine(), { name, metrics: this.#metrics, log: this.#log })
  }

  /** A restore puts another file in the place of the open one; several readers may find that out. */
  async #dropIfReplaced(name: string, state: StateManager, error: unknown): Promise<boolean> {
    const isReplaced = error instanceof HoldfastError && error.code === 'STATE_REPLACED'
    const isCurrent = (await this.#open.get(name)) === state
    if (!isCurrent) return true
    if (!isReplaced) return false
    this.#open.delete(name)
    await state.close().catch((reason: unknown) => {
      this.#log.warn({ state: name, reason: messageOf(reason) }, 'a state that was replaced did not close')
    })
    return true
  }
}
