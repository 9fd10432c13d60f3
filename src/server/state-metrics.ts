/** The states and locks of the engine in the server's metrics. */
import { Gauge, messageOf, type Log, type Metrics } from '../base/index.ts'
import type { LockManager } from '../lock/index.ts'
import type { OpenStates } from './open-states.ts'

export class StateMetrics implements AsyncDisposable {
  readonly #states: OpenStates
  readonly #metrics: Metrics
  readonly #log: Log
  #locks: LockManager | null = null
  #current: Gauge | null = null

  /** @param states Opens them with the same `metrics`. */
  constructor(states: OpenStates, metrics: Metrics, log: Log) {
    this.#states = states
    this.#metrics = metrics
    this.#log = log
  }

  /**
   * Takes in what has come since the last time. Called before the metrics are read; what cannot be read is left out.
   */
  async refresh(): Promise<void> {
    await this.#followLocks().catch((error: unknown) => this.#warnOfLocks(error))
    // A state that was removed is asked too: that closes it, and its metrics go.
    for (const name of new Set([...(await this.#states.names()), ...this.#states.opened])) {
      try {
        // Open states count themselves.
        await this.#states.use(name, async (state) => state.head())
      } catch (error) {
        this.#log.warn({ state: name, reason: messageOf(error) }, 'a state could not be measured')
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#locks?.close()
  }

  async #followLocks(): Promise<void> {
    if (this.#locks?.isReplaced()) {
      await this.#locks.close()
      this.#locks = null
    }
    const engine = await this.#states.engine()
    if (this.#locks || !(await engine.hasLocks())) return
    const { LockManager } = await import('../lock/index.ts')
    this.#locks = new LockManager(await engine.openLocks(), { metrics: this.#metrics })
    this.#current ??= new Gauge({
      name: 'holdfast_locks_current',
      help: 'Locks in the data folder that any process holds.',
      registers: [this.#metrics],
      collect: () => this.#countLocks(),
    })
  }

  async #countLocks(): Promise<void> {
    try {
      const held = await this.#locks?.list()
      if (held) this.#current?.set(held.length)
      else this.#current?.remove()
    } catch (error) {
      this.#current?.remove()
      this.#warnOfLocks(error)
    }
  }

  #warnOfLocks(error: unknown): void {
    this.#log.warn({ reason: messageOf(error) }, 'the locks could not be measured')
  }
}
