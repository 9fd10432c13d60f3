/** While bytes arrive, notes now and then how many are durable: what a killed server lets its clients send again. */
import type { Clock, Log } from '../../base/index.ts'

const EVERY_MS = 1000

export class Checkpoints {
  readonly #save: () => Promise<void>
  readonly #clock: Clock
  readonly #log: Log
  #lastAt: number
  #running: Promise<void> | null = null

  constructor(save: () => Promise<void>, clock: Clock, log: Log) {
    this.#save = save
    this.#clock = clock
    this.#log = log
    this.#lastAt = clock.now()
  }

  /**
   * Call it for each chunk. A failure is only logged: the upload's own end meets the same trouble and reports
   * it.
   */
  tick(): void {
    const now = this.#clock.now()
    if (this.#running || now - this.#lastAt < EVERY_MS) return
    this.#lastAt = now
    this.#running = this.#save()
      .catch((error: unknown) => this.#log.warn({ err: error }, 'the progress of an upload was not noted'))
      .finally(() => {
        this.#running = null
      })
  }

  /** Resolves when none runs; no more `tick` after this. */
  async stop(): Promise<void> {
    await this.#running
  }
}
