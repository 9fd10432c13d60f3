/**
 * The states and locks of the data folder in the server's metrics: what other processes of this machine (builds, the
 * command line) keep there. Their code is loaded when there is something to measure, so a mere file share pays nothing.
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Gauge, messageOf, type Log, type Metrics } from '../base/index.ts'
import type { LockManager } from '../lock/index.ts'
import type { StateManager } from '../state/index.ts'

const SUFFIX = '.db'

export class StateMetrics implements AsyncDisposable {
  readonly #dataFolder: string
  readonly #metrics: Metrics
  readonly #log: Log
  readonly #states = new Map<string, StateManager>()
  #locks: LockManager | null = null

  constructor(dataFolder: string, metrics: Metrics, log: Log) {
    this.#dataFolder = dataFolder
    this.#metrics = metrics
    this.#log = log
  }

  /** Takes in what has come since the last time. Called before the metrics are read; a state that fails is left out. */
  async refresh(): Promise<void> {
    if (!this.#locks && existsSync(join(this.#dataFolder, 'locks.db'))) await this.#watchLocks()
    for (const name of await this.#stateNames()) {
      if (this.#states.has(name)) continue
      try {
        const { StateManager } = await import('../state/index.ts')
        this.#states.set(name, await StateManager.open(this.#dataFolder, { name, metrics: this.#metrics }))
      } catch (error) {
        this.#log.warn({ state: name, reason: messageOf(error) }, 'a state could not be measured')
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const manager of [...this.#states.values(), this.#locks]) await manager?.close()
  }

  async #watchLocks(): Promise<void> {
    const { LockManager } = await import('../lock/index.ts')
    const locks = await LockManager.open(this.#dataFolder, { metrics: this.#metrics })
    this.#locks = locks
    const current: Gauge = new Gauge({
      name: 'holdfast_locks_current',
      help: 'Locks in the data folder that any process holds.',
      registers: [this.#metrics],
      collect: async () => current.set((await locks.list()).length),
    })
  }

  async #stateNames(): Promise<string[]> {
    const folder = join(this.#dataFolder, 'states')
    if (!existsSync(folder)) return []
    const files = await readdir(folder)
    return files.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length))
  }
}
