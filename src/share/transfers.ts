/** Counts the downloads that are being sent, for metrics and for a shutdown that lets them finish. */
import { Counter, Gauge, type Metrics } from '../base/index.ts'

export class Transfers {
  #active = 0
  readonly #total: Counter

  constructor(metrics: Metrics) {
    const active: Gauge = new Gauge({
      name: 'holdfast_downloads_active',
      help: 'Downloads that are being sent.',
      registers: [metrics],
      collect: () => active.set(this.#active),
    })
    this.#total = new Counter({ name: 'holdfast_downloads_total', help: 'Downloads begun.', registers: [metrics] })
  }

  get active(): number {
    return this.#active
  }

  /** Counts one until it is disposed of. */
  begin(): Disposable {
    this.#active += 1
    this.#total.inc()
    return {
      [Symbol.dispose]: () => {
        this.#active -= 1
      },
    }
  }
}
