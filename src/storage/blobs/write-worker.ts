/**
 * The thread that writes and hashes: the main thread parses HTTP while this one makes the system calls and the SHA-256,
 * so that an upload uses two cores. Bytes arrive in shared memory segments and are never copied again. Writes are
 * synchronous (into the page cache, fast); waiting for the disk is not, so that one slow fsync holds up no other upload.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fdatasync, openSync, unlinkSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerSetup } from './write-messages.ts'

/** The disk is asked to keep up in steps of this size, so that the last fsync finds little left to do. */
const FLUSH_EVERY_BYTES = 32 * 2 ** 20
/** Bytes that may wait for the disk before the upload is held back. */
const MAX_UNFLUSHED_BYTES = 128 * 2 ** 20

interface Job {
  id: number
  path: string
  fd: number
  hash: Hash
  /** Segments not yet written, as index and length. */
  queue: { segment: number; length: number }[]
  unflushedBytes: number
  flushing: boolean
  finishing: boolean
  ended: boolean
}

const { segments, durable } = workerData as WorkerSetup
const views = segments.map((segment) => new Uint8Array(segment))
const jobs = new Map<number, Job>()
if (!parentPort) throw new Error('write-worker.ts runs only as a worker thread')
const port = parentPort
port.on('message', receive)

function receive(message: ToWorker): void {
  if (message.type === 'open') return open(message.id, message.path)
  const job = jobs.get(message.id)
  if (!job) {
    // The job has failed already; its segments still have to go back.
    if (message.type === 'write') send({ type: 'written', id: message.id, segment: message.segment })
    if (message.type === 'abort') send({ type: 'aborted', id: message.id })
    return
  }
  if (message.type === 'write') job.queue.push(message)
  if (message.type === 'finish') job.finishing = true
  if (message.type === 'abort') return abort(job)
  advance(job)
}

function open(id: number, path: string): void {
  try {
    const fd = openSync(path, 'wx', 0o600)
    jobs.set(id, {
      id,
      path,
      fd,
      hash: createHash('sha256'),
      queue: [],
      unflushedBytes: 0,
      flushing: false,
      finishing: false,
      ended: false,
    })
    send({ type: 'opened', id })
  } catch (error) {
    sendFailed(id, error as Error)
  }
}

/** Writes what is queued as far as the disk keeps up; finishes when all is written and flushed. */
function advance(job: Job): void {
  try {
    while (job.queue.length > 0 && job.unflushedBytes < MAX_UNFLUSHED_BYTES) writeNext(job)
  } catch (error) {
    return fail(job, error as Error)
  }
  const allWritten = job.finishing && job.queue.length === 0
  if (job.flushing) return
  if (allWritten && job.unflushedBytes === 0) return finish(job)
  if (allWritten || job.unflushedBytes >= FLUSH_EVERY_BYTES) flush(job)
}

function writeNext(job: Job): void {
  const next = job.queue[0]
  const view = next && views[next.segment]
  if (!view) throw new Error('no such segment')
  const bytes = view.subarray(0, next.length)
  for (let offset = 0; offset < bytes.length;) offset += writeSync(job.fd, bytes, offset)
  job.hash.update(bytes)
  job.queue.shift()
  if (durable) job.unflushedBytes += bytes.length
  send({ type: 'written', id: job.id, segment: next.segment })
}

function flush(job: Job): void {
  const flushedBytes = job.unflushedBytes
  job.flushing = true
  fdatasync(job.fd, (error) => {
    job.flushing = false
    if (job.ended) return closeSync(job.fd)
    if (error) return fail(job, error)
    job.unflushedBytes -= flushedBytes
    advance(job)
  })
}

function finish(job: Job): void {
  end(job)
  send({ type: 'finished', id: job.id, sha256: job.hash.digest('hex') })
}

function abort(job: Job): void {
  discard(job)
  send({ type: 'aborted', id: job.id })
}

function fail(job: Job, error: Error): void {
  discard(job)
  sendFailed(job.id, error)
}

function discard(job: Job): void {
  for (const { segment } of job.queue.splice(0)) send({ type: 'written', id: job.id, segment })
  end(job)
  try {
    unlinkSync(job.path)
  } catch (error) {
    // Left for removeLeftovers at the next start; the job's own outcome matters more to the caller.
    send({ type: 'warning', id: job.id, error: error as Error })
  }
}

/** Closes the file, at once or when the running flush no longer needs it. */
function end(job: Job): void {
  job.ended = true
  jobs.delete(job.id)
  if (!job.flushing) closeSync(job.fd)
}

function sendFailed(id: number, error: NodeJS.ErrnoException): void {
  send({ type: 'failed', id, error, code: error.code })
}

function send(message: FromWorker): void {
  port.postMessage(message)
}
