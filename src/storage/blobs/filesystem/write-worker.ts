/**
 * The thread that writes and hashes: the main thread parses HTTP while this one makes the system calls and the SHA-256,
 * so that an upload uses two cores. Bytes arrive in shared memory segments and are never copied again. Writes are
 * synchronous (into the page cache, fast); waiting for the disk is not, so that one slow fsync holds up no other
 * upload.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, read, unlinkSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerSetup } from './write-messages.ts'

/** Bytes of one upload that may wait for the disk before it is held back, where there is memory for them. */
const MAX_UNFLUSHED_BYTES = 128 * 2 ** 20
const MIN_UNFLUSHED_BYTES = 4 * 2 ** 20
/** The disk is asked to keep up in so many steps, so that the last fsync finds little left to do. */
const FLUSHES = 4
/**
 * A file that is gone on with is read in pieces of this size to hash it again; between two, the others have their
 * turn.
 */
const REHASH_BYTES = 2 ** 20

interface Job {
  id: number
  path: string
  fd: number
  hash: Hash
  /** Segments not yet written, as index and length. */
  queue: { segment: number; length: number }[]
  /** Stays when the job fails. */
  isResumable: boolean
  writtenBytes: number
  /** Written bytes that are on the disk; all of them when not durable. */
  flushedBytes: number
  /** A caller waits until so many bytes are flushed. */
  flushTarget: number | null
  flushing: boolean
  finishing: boolean
  ended: boolean
}

const { segments, durable, unflushedBytes: budget } = workerData as WorkerSetup
const views = segments.map((segment) => new Uint8Array(segment))
const jobs = new Map<number, Job>()
if (!parentPort) throw new Error('write-worker.ts runs only as a worker thread')
const port = parentPort
port.on('message', receive)

function receive(message: ToWorker): void {
  if (message.type === 'open') return open(message)
  const job = jobs.get(message.id)
  if (!job) {
    // The job has failed already; its segments still have to go back.
    if (message.type === 'write') send({ type: 'written', id: message.id, segment: message.segment })
    if (message.type === 'abort') send({ type: 'aborted', id: message.id })
    return
  }
  if (message.type === 'write') job.queue.push(message)
  if (message.type === 'flush') job.flushTarget = job.writtenBytes + queuedBytes(job)
  if (message.type === 'finish') job.finishing = true
  if (message.type === 'abort') return abort(job, message.keepsFile)
  advance(job)
}

function open({ id, path, resumeAt, isResumable }: ToWorker & { type: 'open' }): void {
  try {
    const fd = openSync(path, resumeAt === null ? 'wx' : 'r+', 0o600)
    const job: Job = {
      id,
      path,
      fd,
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
    if (resumeAt === null) begin(job)
    else rehash(job, cut(fd, resumeAt))
  } catch (error) {
    sendFailed(id, error as Error)
  }
}

function begin(job: Job): void {
  job.flushedBytes = job.writtenBytes
  jobs.set(job.id, job)
  send({ type: 'opened', id: job.id, sizeBytes: job.writtenBytes })
}

/** Cuts the file off behind so many bytes. @returns how many it has; fewer when the rest was lost. */
function cut(fd: number, sizeBytes: number): number {
  const size = Math.min(sizeBytes, fstatSync(fd).size)
  ftruncateSync(fd, size)
  return size
}

/** Takes the bytes that are there as written, piece by piece, then begins. */
function rehash(job: Job, sizeBytes: number): void {
  const buffer = Buffer.allocUnsafeSlow(Math.min(REHASH_BYTES, sizeBytes))
  const next = () => {
    if (job.writtenBytes === sizeBytes) return begin(job)
    const length = Math.min(buffer.length, sizeBytes - job.writtenBytes)
    read(job.fd, buffer, 0, length, job.writtenBytes, (error, bytesRead) => {
      if (error || bytesRead === 0) {
        closeSync(job.fd)
        return sendFailed(job.id, error ?? new Error(`${job.path} became shorter while it was read`))
      }
      job.hash.update(buffer.subarray(0, bytesRead))
      job.writtenBytes += bytesRead
      next()
    })
  }
  next()
}

/** Writes what is queued as far as the disk keeps up; finishes when all is written and flushed. */
function advance(job: Job): void {
  const limit = Math.min(Math.max(budget / jobs.size, MIN_UNFLUSHED_BYTES), MAX_UNFLUSHED_BYTES)
  try {
    while (job.queue.length > 0 && unflushedBytes(job) < limit) writeNext(job)
  } catch (error) {
    return fail(job, error as Error)
  }
  if (job.flushing) return
  const { flushTarget } = job
  if (flushTarget !== null && job.flushedBytes >= flushTarget) {
    job.flushTarget = null
    send({ type: 'flushed', id: job.id, sizeBytes: job.flushedBytes })
  }
  const allWritten = job.finishing && job.queue.length === 0
  if (allWritten && unflushedBytes(job) === 0) return finish(job)
  const isAwaited = allWritten || (job.flushTarget !== null && job.writtenBytes >= job.flushTarget)
  if (isAwaited || unflushedBytes(job) >= limit / FLUSHES) flush(job)
}

function queuedBytes(job: Job): number {
  return job.queue.reduce((sum, { length }) => sum + length, 0)
}

function unflushedBytes(job: Job): number {
  return job.writtenBytes - job.flushedBytes
}

function writeNext(job: Job): void {
  const next = job.queue[0]
  const view = next && views[next.segment]
  if (!view) throw new Error('no such segment')
  const bytes = view.subarray(0, next.length)
  for (let offset = 0; offset < bytes.length;) {
    offset += writeSync(job.fd, bytes, offset, bytes.length - offset, job.writtenBytes + offset)
  }
  job.hash.update(bytes)
  job.queue.shift()
  job.writtenBytes += bytes.length
  if (!durable) job.flushedBytes = job.writtenBytes
  send({ type: 'written', id: job.id, segment: next.segment })
}

function flush(job: Job): void {
  const { writtenBytes } = job
  job.flushing = true
  fdatasync(job.fd, (error) => {
    job.flushing = false
    if (job.ended) return closeSync(job.fd)
    if (error) return fail(job, error)
    job.flushedBytes = writtenBytes
    advance(job)
  })
}

function finish(job: Job): void {
  end(job)
  send({ type: 'finished', id: job.id, sha256: job.hash.digest('hex') })
}

function abort(job: Job, keepsFile: boolean): void {
  discard(job, keepsFile)
  send({ type: 'aborted', id: job.id })
}

function fail(job: Job, error: Error): void {
  if (job.isResumable) cutUnflushed(job)
  discard(job, job.isResumable)
  sendFailed(job.id, error, job.flushedBytes)
}

/** A full disk should not keep bytes that no upload will continue. */
function cutUnflushed(job: Job): void {
  try {
    ftruncateSync(job.fd, job.flushedBytes)
  } catch (error) {
    // It is cut when an upload goes on with it, or removed with the rest.
    send({ type: 'warning', id: job.id, error: error as Error })
  }
}

function discard(job: Job, keepsFile: boolean): void {
  for (const { segment } of job.queue.splice(0)) send({ type: 'written', id: job.id, segment })
  end(job)
  if (keepsFile) return
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

function sendFailed(id: number, error: NodeJS.ErrnoException, flushedBytes = 0): void {
  send({ type: 'failed', id, error, code: error.code, flushedBytes })
}

function send(message: FromWorker): void {
  port.postMessage(message)
}
