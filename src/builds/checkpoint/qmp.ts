/**
 * QEMU's machine protocol (QMP): a line of JSON a command, a line an answer, over a unix socket that serves one
 * client at a time. https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { HoldfastError, messageOf } from '../../base/index.ts'
import { BuildError } from '../errors.ts'

/** QEMU answers at once unless its machine is stuck, or another client has the socket. */
const ANSWER_TIMEOUT_MS = 30_000
const JOB_LOOK_MS = 20

const answerSchema = z.object({
  id: z.number(),
  return: z.unknown().optional(),
  error: z.object({ desc: z.string() }).exactOptional(),
})
const jobsSchema = z.array(z.object({ id: z.string(), status: z.string(), error: z.string().exactOptional() }))

type Answer = z.infer<typeof answerSchema>
interface Waiting {
  answer(answer: Answer): void
  fail(cause: unknown): void
}

export class QmpClient implements Disposable {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #failure: Error | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('QEMU has closed the connection')))
    const lines = createInterface({ input: socket })
    lines.on('line', (line) => this.#read(line))
    // The socket's errors come this way too, and would end the process.
    lines.on('error', (error: Error) => this.#fail(error))
  }

  /** @param path of the socket; at most 107 bytes. @throws LAYER_FAILED when QEMU does not listen there or answer. */
  static async connect(path: string): Promise<QmpClient> {
    const socket = createConnection(path)
    try {
      await once(socket, 'connect')
    } catch (error) {
      throw new BuildError('LAYER_FAILED', `QEMU cannot be reached at ${path}: ${messageOf(error)}`, {
        cause: error,
      })
    }
    const client = new QmpClient(socket)
    try {
      await client.execute('qmp_capabilities')
    } catch (error) {
      client[Symbol.dispose]()
      throw error
    }
    return client
  }

  /**
   * Runs a command of the QMP reference.
   * @returns what QEMU returned, not yet looked at.
   * @throws LAYER_FAILED with QEMU's words; when there is no answer within 30 s.
   */
  async execute(command: string, args: object = {}): Promise<unknown> {
    const answer = await this.#ask(command, args)
    if (answer.error) throw new BuildError('LAYER_FAILED', `QEMU refused ${command}: ${answer.error.desc}`)
    return answer.return
  }

  /**
   * Waits for the end of a job that was started with `auto-dismiss: false`, and dismisses it.
   * @throws LAYER_FAILED with the reason when it failed or was cancelled.
   */
  async finishJob(id: string): Promise<void> {
    const error = await this.endJob(id)
    if (error !== null) throw new BuildError('LAYER_FAILED', `QEMU could not copy the disk: ${error}`)
  }

  /** As {@link finishJob}. @returns why the job failed, null when it did not. */
  async endJob(id: string): Promise<string | null> {
    for (;;) {
      const job = jobsSchema.parse(await this.execute('query-jobs')).find((candidate) => candidate.id === id)
      if (!job) return `the job ${id} has vanished`
      if (job.status === 'concluded') {
        await this.execute('job-dismiss', { id })
        return job.error ?? null
      }
      await sleep(JOB_LOOK_MS)
    }
  }

  /** Whether QEMU can still be asked. */
  get isOpen(): boolean {
    return this.#failure === null
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  async #ask(command: string, args: object): Promise<Answer> {
    if (this.#failure) throw this.#unreachable(command, this.#failure)
    this.#lastId += 1
    const id = this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    this.#waiting.set(id, { answer: resolve, fail: reject })
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
      ANSWER_TIMEOUT_MS,
    )
    try {
      return await promise
    } catch (error) {
      throw this.#unreachable(command, error)
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }

  /** The greeting and events have no id, and no caller waits for them. */
  #read(line: string): void {
    try {
      const answer = answerSchema.safeParse(JSON.parse(line))
      if (answer.success) this.#waiting.get(answer.data.id)?.answer(answer.data)
    } catch (error) {
      this.#fail(new Error(`QEMU has sent what is not JSON: ${line.slice(0, 100)}`, { cause: error }))
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const waiting of this.#waiting.values()) waiting.fail(this.#failure)
  }

  #unreachable(command: string, cause: unknown): HoldfastError {
    return new BuildError('LAYER_FAILED', `QEMU did not answer ${command}: ${messageOf(cause)}`, { cause })
  }
}
