/** The way out: no new work, running transfers finish, then the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { ServerError } from './errors.ts'

const POLL_MS = 50

/** Resolves when `isDone`, or after `timeoutMs`. */
export async function waitFor(isDone: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!isDone() && performance.now() < deadline) await sleep(POLL_MS)
}

export class Draining {
  readonly #begun = new AbortController()
  /** Requests that came before the draining and wait for their answer. */
  #unanswered = 0

  get isDraining(): boolean {
    return this.#begun.signal.aborted
  }

  /** Aborts when the draining begins: for what would otherwise go on for ever, such as live pages. */
  get signal(): AbortSignal {
    return this.#begun.signal
  }

  /**
   * From now on new work is refused with 503 DRAINING; health, metrics and progress still answer.
   * Resolves when `activeTransfers` has come down to 0 and what was asked before is answered, or after `graceMs`.
   * @returns how many transfers were left.
   */
  async drain(activeTransfers: () => number, graceMs: number): Promise<number> {
    this.#begun.abort()
    await waitFor(() => activeTransfers() === 0 && this.#unanswered === 0, graceMs)
    return activeTransfers()
  }

  /**
   * Refuses requests while draining, except to routes whose config says `whileDraining`; those may be cut at the end.
   */
  guard(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      const { whileDraining = false } = request.routeOptions.config
      if (!this.isDraining) {
        if (whileDraining) return
        this.#unanswered += 1
        // When all of the answer is with the system, and when the connection has ended.
        reply.raw.once('close', () => (this.#unanswered -= 1))
        return
      }
      reply.header('connection', 'close')
      if (whileDraining) return
      throw new ServerError('DRAINING', 'the server is shutting down', {
        retryable: true,
        details: { retryAfterSeconds: 5 },
      })
    })
  }
}
