/** What a manager does for its state in the background: backups and compaction, now and then after a save. */
import type { Log } from '../base/index.ts'
import type { BackupKeeper } from './backups.ts'
import type { LocksOnDemand } from './locks-on-demand.ts'
import { outcomeOf, type StateMetrics } from './metrics.ts'
import type { StateHead, StateStore } from './state-store.ts'

/** Saves between two rounds of compaction. */
const COMPACT_EVERY = 256

export interface UpkeepOptions {
  /** Of the state. */
  name: string
  store: StateStore
  backups: BackupKeeper
  locks: LocksOnDemand
  log: Log | null
  metrics: StateMetrics | null
}

export class Upkeep {
  readonly #options: UpkeepOptions
  #running: Promise<void> = Promise.resolve()

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  afterSave(head: StateHead): void {
    const { store, backups } = this.#options
    if (head.serial % COMPACT_EVERY === 0) this.#run('compaction', () => store.compact(false))
    if (backups.isDue()) this.#run('backup', () => this.#backUp())
  }

  /** Resolves when nothing is at work. */
  idle(): Promise<void> {
    return this.#running
  }

  async #backUp(): Promise<void> {
    const { name: state, backups, locks, metrics } = this.#options
    try {
      await backups.createIfDue(await locks.get())
      metrics?.backups.inc({ state, outcome: 'ok' })
    } catch (error) {
      metrics?.backups.inc({ state, outcome: outcomeOf(error) })
      throw error
    }
  }

  /** No caller waits for it, so its failure is for the log; the next round tries again. */
  #run(what: string, task: () => Promise<unknown>): void {
    const previous = this.#running
    const run = async () => {
      await previous
      try {
        await task()
      } catch (error) {
        this.#options.log?.warn({ err: error, state: this.#options.name }, `the ${what} of a state failed`)
      }
    }
    this.#running = run()
  }
}
