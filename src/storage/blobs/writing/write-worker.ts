/** The main thread's hold on the write thread: starts it, gives each blob a writer, and survives the thread's death. */
import { totalmem } from 'node:os'
import { Worker } from 'node:worker_threads'
import { threadModule, type Log } from '../../../base/index.ts'
import { SegmentPool } from './segment-pool.ts'
import { SegmentWriter, type WriteJob } from './segment-writer.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './write-messages.ts'

/**
 * The part of the memory that bytes may take which wait for the disk. Dirty memory cannot be given to others, and
 * within a container's limit not every kernel holds writers back in time (cgroup v1 does not).
 */
const UNFLUSHED_PART = 8

export interface WriteWorkerOptions {
  /** The file that calls `runWriteThread`, as for {@link threadModule}. */
  module: string
  /** Whether `flush` and `finish` wait until the bytes would survive a power cut. */
  durable: boolean
  log: Log
}

export class WriteWorker {
  readonly #options: WriteWorkerOptions
  readonly #pool = new SegmentPool()
  readonly #writers = new Map<number, SegmentWriter>()
  #thread: Worker | null = null
  #lastId = 0

  constructor(options: WriteWorkerOptions) {
    this.#options = options
  }

  /** Starts the thread ahead of the first upload. `open` starts it otherwise. */
  warmUp(): void {
    if (this.#thread) return
    const setup: WorkerSetup = {
      segments: this.#pool.buffers,
      durable: this.#options.durable,
      unflushedBytes: memoryBytes() / UNFLUSHED_PART,
    }
    const thread = new Worker(threadModule(this.#options.module), {
      name: 'holdfast-write',
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    })
    thread.on('message', (message: FromWorker) => this.#receive(message))
    thread.on('error', (error) => this.#died(thread, error as Error))
    thread.on('exit', () => this.#died(thread, new Error('the write thread ended')))
    thread.unref()
    this.#thread = thread
  }

  /** @returns the writer once its target is open. @throws what `job.translate` makes of the target's error. */
  async open(job: WriteJob): Promise<SegmentWriter> {
    this.warmUp()
    const id = ++this.#lastId
    const writer = new SegmentWriter({
      ...job,
      id,
      pool: this.#pool,
      post: (message: ToWorker) => this.#thread?.postMessage(message),
      onSettled: () => this.#forget(id),
    })
    this.#writers.set(id, writer)
    this.#thread?.ref()
    await writer.opened
    return writer
  }

  /** Keys of the blobs that the thread may still write. */
  activeKeys(): string[] {
    return [...this.#writers.values()].map(({ key }) => key)
  }

  /** Fails the writers that are open. Idempotent. */
  async close(): Promise<void> {
    const thread = this.#thread
    this.#thread = null
    for (const writer of this.#writers.values()) writer.fail(new Error('the blob store is closed'))
    await thread?.terminate()
  }

  #receive(message: FromWorker): void {
    if (message.type === 'warning')
      this.#options.log.warn({ err: message.error }, 'an unfinished blob was not removed or cut off')
    this.#writers.get(message.id)?.receive(message)
  }

  #forget(id: number): void {
    this.#writers.delete(id)
    if (this.#writers.size === 0) this.#thread?.unref()
  }

  #died(thread: Worker, error: Error): void {
    if (this.#thread !== thread) return
    this.#thread = null
    this.#options.log.error({ err: error }, 'the write thread died; its uploads fail, the next one starts a new thread')
    for (const writer of this.#writers.values()) writer.fail(error)
    this.#writers.clear()
  }
}

/** What this process may use: the machine's memory, or the limit of its container. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity)
}
