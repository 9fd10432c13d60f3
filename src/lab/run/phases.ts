import { messageOf } from '../../base/index.ts'
import type { Iteration } from '../results/result.ts'

type PhaseRecord = Iteration['phases'][number]

/** Runs the phases of an attempt and keeps what each took. */
export class Phases {
  readonly records: PhaseRecord[] = []
  readonly #onBegin: (name: string) => void
  readonly #onEnd: (record: PhaseRecord) => void

  constructor(onBegin: (name: string) => void, onEnd: (record: PhaseRecord) => void) {
    this.#onBegin = onBegin
    this.#onEnd = onEnd
  }

  /** @throws what `work` throws, once it is recorded. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#onBegin(name)
    const startedAt = new Date().toISOString()
    const start = performance.now()
    const finish = (error: string | null) => {
      const record = { name, started_at: startedAt, duration_seconds: (performance.now() - start) / 1000, error }
      this.records.push(record)
      this.#onEnd(record)
    }
    try {
      const value = await work()
      finish(null)
      return value
    } catch (error) {
      finish(messageOf(error))
      throw error
    }
  }
}
