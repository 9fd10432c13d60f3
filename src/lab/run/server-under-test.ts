/** A server that was started for one attempt, or that runs already: where it is, what it uses, whether it lives. */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { messageOf } from '../../base/index.ts'
import { exchange } from '../requests/exchange.ts'
import { parseJson } from '../requests/share-client.ts'
import type { Machine } from '../machines/machine.ts'
import { ServerProcess, type ServerExit, type Usage } from '../machines/server-process.ts'
import type { PreparedTarget } from '../targets/target.ts'
import { Failure } from './failure.ts'

const READY_POLL_MS = 50
const READY_REQUEST_MS = 2000
const METRICS_POLL_MS = 500
/** How long after a broken connection the news of a death may take to get here. */
const DEATH_NEWS_MS = 3000

const metrics = z.object({ memory_usage_bytes: z.number(), cpu_seconds_total: z.number().optional() })

export class ServerUnderTest {
  readonly url: string
  readonly #machine: Machine | null
  readonly #process: ServerProcess | null
  readonly #polled: Usage[] = []
  readonly #polling = new AbortController()
  #exit: ServerExit | null = null

  private constructor(url: string, machine: Machine | null, process: ServerProcess | null) {
    this.url = url
    this.#machine = machine
    this.#process = process
    process?.exited.then(
      (exit) => (this.#exit = exit),
      () => undefined,
    )
  }

  static async start(target: PreparedTarget, machine: Machine | null, signal: AbortSignal): Promise<ServerUnderTest> {
    if (!machine || !target.start) {
      const running = new ServerUnderTest(target.url ?? '', null, null)
      void running.#pollMetrics()
      return running
    }
    const { port, host, url } = await machine.openPort(signal)
    const { programFolder, workFolder } = machine
    const launch = target.start({ programFolder, workFolder, host, port })
    return new ServerUnderTest(url, machine, await ServerProcess.start(machine, launch, signal))
  }

  /**
   * Resolves at its first good answer. A server without a health check (404) is ready when it answers at all.
   * @throws Failure `not_ready` (transient) or `out_of_memory`.
   */
  async untilReady(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + timeoutMs
    let last = 'nothing listens'
    while (performance.now() < deadline) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_REQUEST_MS)])
      try {
        const { status } = await exchange({ method: 'GET', url: `${this.url}/api/health`, signal: limit })
        if (status < 500) return
        last = `HTTP ${status}`
      } catch (error) {
        last = limit.aborted ? 'no answer' : messageOf(error)
      }
      signal.throwIfAborted()
      const death = this.#death()
      if (death)
        throw death.reason === 'out_of_memory' ? death : new Failure('not_ready', death.message, { isTransient: true })
      await sleep(READY_POLL_MS, undefined, { signal })
    }
    throw new Failure('not_ready', `the server was not ready within ${timeoutMs / 1000} s (${last})`, {
      isTransient: true,
    })
  }

  /** Turns an error that a request met into the reason why the server failed it. */
  async explain(error: unknown): Promise<Failure> {
    const deadline = performance.now() + DEATH_NEWS_MS
    const isNewsDue = () => performance.now() < deadline || this.#process?.isEnding === true
    while (this.#machine && isNewsDue() && !this.#death()) await sleep(READY_POLL_MS)
    return (
      this.#death() ??
      new Failure('upload_failed', `the connection broke while the server lived on: ${messageOf(error)}`, {
        isTransient: true,
        cause: error,
      })
    )
  }

  /** Samples of the server's resource use so far, oldest first; empty when unknown. */
  get usage(): readonly Usage[] {
    return this.#process?.usage ?? this.#polled
  }

  /** The machine that it runs on, as that sees itself; null when the server was not started here. */
  get machine(): ServerProcess['seen'] | null {
    return this.#process?.seen ?? null
  }

  get exitStatus(): number | null {
    return this.#exit?.status ?? null
  }

  async logTail(signal: AbortSignal): Promise<string> {
    return (await this.#process?.logTail(signal)) ?? ''
  }

  async stop(): Promise<void> {
    this.#polling.abort()
    if (!this.#machine?.death()) await this.#process?.stop()
  }

  #death(): Failure | null {
    const machineDeath = this.#machine?.death()
    if (machineDeath?.outOfMemory) return new Failure('out_of_memory', machineDeath.message)
    if (this.#exit) {
      const { status, outOfMemory } = this.#exit
      const how = status > 128 ? `was killed by signal ${status - 128}` : `ended with status ${status}`
      return outOfMemory
        ? new Failure('out_of_memory', `the server ran out of memory and ${how}`)
        : new Failure('upload_failed', `the server ${how}`)
    }
    return machineDeath ? new Failure('machine_failed', machineDeath.message, { isTransient: true }) : null
  }

  /** A server that was not started here is asked for its metrics, as Holdfast gives them. */
  async #pollMetrics(): Promise<void> {
    const { signal } = this.#polling
    const startedAt = performance.now()
    let peakBytes = 0
    while (!signal.aborted) {
      const answer = await exchange({ method: 'GET', url: `${this.url}/api/metrics`, signal }).catch(() => null)
      const seen = metrics.safeParse(parseJson(answer?.text ?? '')).data
      if (answer && !seen) return
      if (seen) {
        peakBytes = Math.max(peakBytes, seen.memory_usage_bytes)
        const atSeconds = (performance.now() - startedAt) / 1000
        this.#polled.push({
          atSeconds,
          rssBytes: seen.memory_usage_bytes,
          peakBytes,
          cpuSeconds: seen.cpu_seconds_total ?? 0,
        })
      }
      await sleep(METRICS_POLL_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}
