/**
 * The thread that writes and hashes: the main thread parses HTTP while this one stores bytes and makes the SHA-256, so
 * that an upload uses two cores. Bytes arrive in shared memory segments and are never copied again. Writes return at
 * once; waiting for the device does not block, so that one slow flush holds up no other upload.
 */
import { createHash, type Hash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerSetup } from './write-messages.ts'
import type { OpenTarget, WriteTarget } from './write-target.ts'

/** Bytes of one upload that may wait for the device before it is held back, where there is memory for them. */
const MAX_UNFLUSHED_BYTES = 128 * 2 ** 20
const MIN_UNFLUSHED_BYTES = 4 * 2 ** 20
/** The device is asked to keep up in so many steps, so that the last flush finds little left to do. */
const FLUSHES = 4
/** A resumed target is read in pieces of this size to hash it again; between two, the other uploads have their turn. */
const REHASH_BYTES = 2 ** 20

interface Job {
  id: number
  target: WriteTarget
  hash: Hash
  /** Segments not yet written, as index and length. */
  queue: { segment: number; length: number }[]
  /** Whether the target stays when the job fails. */
  isResumable: boolean
  writtenBytes: number
  /** Written bytes that survive a power cut; all of them when not durable. */
  flushedBytes: number
  /** A caller waits until so many bytes are flushed. */
  flushTarget: number | null
  flushing: boolean
  finishing: boolean
  ended: boolean
}

/** Serves the main thread's {@link WriteWorker} until the thread ends. @throws outside a worker thread. */
export function runWriteThread(openTarget: OpenTarget): void {
  const port = parentPort
  if (!port) throw new Error('the write thread runs only as a worker thread')
  const thread = new WriteThread(openTarget, workerData as WorkerSetup, (message) => port.postMessage(message))
  port.on('message', (message: ToWorker) => thread.receive(message))
}

class WriteThread {
  readonly #openTarget: OpenTarget
  readonly #setup: WorkerSetup
  readonly #send: (message: FromWorker) => void
  readonly #segments: Uint8Array[]
  readonly #jobs = new Map<number, Job>()

  constructor(openTarget: OpenTarget, setup: WorkerSetup, send: (message: FromWorker) => void) {
    this.#openTarget = openTarget
    this.#setup = setup
    this.#send = send
    this.#segments = setup.segments.map((segment) => new Uint8Array(segment))
  }

  receive(message: ToWorker): void {
    if (message.type === 'open') return this.#open(message)
    const job = this.#jobs.get(message.id)
    if (!job) {
      // The job has failed already; its segments still have to go back.
      if (message.type === 'write') this.#send({ type: 'written', id: message.id, segment: message.segment })
      if (message.type === 'abort') this.#send({ type: 'aborted', id: message.id })
      return
    }
    if (message.type === 'write') job.queue.push(message)
    if (message.type === 'flush') job.flushTarget = job.writtenBytes + queuedBytes(job)
    if (message.type === 'finish') job.finishing = true
    if (message.type === 'abort') return this.#abort(job, message.keepsTarget)
    this.#advance(job)
  }

  #open({ id, target: name, resumeAt, isResumable }: ToWorker & { type: 'open' }): void {
    try {
      const target = this.#openTarget(name, resumeAt === null)
      const job: Job = {
        id,
        target,
        hash: createHash('sha256'),
        queue: [],
        isResumable,
        writtenBytes: 0,
        flushedBytes: 0,
        flushTarget: null,
        flushing: false,
        finishing: false,
        ended: false,
      }
      if (resumeAt === null) this.#begin(job)
      else this.#resume(job, resumeAt)
    } catch (error) {
      this.#sendFailed(id, error as Error)
    }
  }

  #begin(job: Job): void {
    job.flushedBytes = job.writtenBytes
    this.#jobs.set(job.id, job)
    this.#send({ type: 'opened', id: job.id, sizeBytes: job.writtenBytes })
  }

  /** Hashes the bytes before `resumeAt` again, or fewer when the rest was lost, and drops those after it. */
  #resume(job: Job, resumeAt: number): void {
    const { target } = job
    const sizeBytes = Math.min(resumeAt, target.sizeBytes)
    try {
      target.cut(sizeBytes)
    } catch (error) {
      target.close()
      throw error
    }
    const buffer = Buffer.allocUnsafeSlow(Math.min(REHASH_BYTES, sizeBytes))
    const next = () => {
      if (job.writtenBytes === sizeBytes) return this.#begin(job)
      const piece = buffer.subarray(0, sizeBytes - job.writtenBytes)
      target.read(piece, job.writtenBytes, (error, bytesRead) => {
        if (error || bytesRead === 0) {
          target.close()
          return this.#sendFailed(job.id, error ?? new Error('an unfinished blob became shorter while it was read'))
        }
        job.hash.update(piece.subarray(0, bytesRead))
        job.writtenBytes += bytesRead
        next()
      })
    }
    next()
  }

  /** Writes queued segments while the device keeps up. Finishes once all bytes are written and flushed. */
  #advance(job: Job): void {
    const share = this.#setup.unflushedBytes / this.#jobs.size
    const limit = Math.min(Math.max(share, MIN_UNFLUSHED_BYTES), MAX_UNFLUSHED_BYTES)
    try {
      while (job.queue.length > 0 && unflushedBytes(job) < limit) this.#writeNext(job)
    } catch (error) {
      return this.#fail(job, error as Error)
    }
    if (job.flushing) return
    const { flushTarget } = job
    if (flushTarget !== null && job.flushedBytes >= flushTarget) {
      job.flushTarget = null
      this.#send({ type: 'flushed', id: job.id, sizeBytes: job.flushedBytes })
    }
    const allWritten = job.finishing && job.queue.length === 0
    if (allWritten && unflushedBytes(job) === 0) return this.#finish(job)
    const isAwaited = allWritten || (job.flushTarget !== null && job.writtenBytes >= job.flushTarget)
    if (isAwaited || unflushedBytes(job) >= limit / FLUSHES) this.#flush(job)
  }

  #writeNext(job: Job): void {
    const next = job.queue[0]
    const segment = next && this.#segments[next.segment]
    if (!segment) throw new Error('no such segment')
    const bytes = segment.subarray(0, next.length)
    job.target.write(bytes, job.writtenBytes)
    job.hash.update(bytes)
    job.queue.shift()
    job.writtenBytes += bytes.length
    if (!this.#setup.durable) job.flushedBytes = job.writtenBytes
    this.#send({ type: 'written', id: job.id, segment: next.segment })
  }

  #flush(job: Job): void {
    const { writtenBytes } = job
    job.flushing = true
    job.target.flush((error) => {
      job.flushing = false
      if (job.ended) return job.target.close()
      if (error) return this.#fail(job, error)
      job.flushedBytes = writtenBytes
      this.#advance(job)
    })
  }

  #finish(job: Job): void {
    this.#end(job)
    this.#send({ type: 'finished', id: job.id, sha256: job.hash.digest('hex') })
  }

  #abort(job: Job, keepsTarget: boolean): void {
    this.#discard(job, keepsTarget)
    this.#send({ type: 'aborted', id: job.id })
  }

  #fail(job: Job, error: Error): void {
    // A full disk should not keep bytes that no upload will continue.
    if (job.isResumable) this.#attempt(job, () => job.target.cut(job.flushedBytes))
    this.#discard(job, job.isResumable)
    this.#sendFailed(job.id, error, job.flushedBytes)
  }

  #discard(job: Job, keepsTarget: boolean): void {
    for (const { segment } of job.queue.splice(0)) this.#send({ type: 'written', id: job.id, segment })
    this.#end(job)
    if (!keepsTarget) this.#attempt(job, () => job.target.remove())
  }

  /** The job's own outcome matters more to the caller; a resume or `removeLeftovers` removes the rest. */
  #attempt(job: Job, task: () => void): void {
    try {
      task()
    } catch (error) {
      this.#send({ type: 'warning', id: job.id, error: error as Error })
    }
  }

  /** Closes the target, at once or when the running flush no longer needs it. */
  #end(job: Job): void {
    job.ended = true
    this.#jobs.delete(job.id)
    if (!job.flushing) job.target.close()
  }

  #sendFailed(id: number, error: NodeJS.ErrnoException, flushedBytes = 0): void {
    this.#send({ type: 'failed', id, error, code: error.code, flushedBytes })
  }
}

function queuedBytes(job: Job): number {
  return job.queue.reduce((sum, { length }) => sum + length, 0)
}

function unflushedBytes(job: Job): number {
  return job.writtenBytes - job.flushedBytes
}
