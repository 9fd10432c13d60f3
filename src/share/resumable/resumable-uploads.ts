/**
 * Uploads that go on over many requests and restarts. The same pipeline as that of the others, with two differences: the
 * partial file outlives the request, and a row says how much of it has been acknowledged. That number never covers a byte
 * that a crash could take, and it reaches the length only in the transaction that makes the file.
 */
import type { IncomingMessage } from 'node:http'
import { formatBytes, HoldfastError, randomId, type Clock, type Log } from '../../base/index.ts'
import type { BlobStore, ResumableWriter } from '../../storage/index.ts'
import { invalid } from '../fields.ts'
import type { Files, NewFile } from '../files.ts'
import type { FreeSpace } from '../free-space.ts'
import { receiveBody, type OnBytes } from '../receive-body.ts'
import type { TrackedUpload, UploadTracker } from '../upload-tracker.ts'
import type { Uptime } from '../uptime.ts'
import { contentLength, tooLarge } from '../uploads.ts'
import { Checkpoints } from './checkpoints.ts'
import { OpenWriters } from './open-writers.ts'
import type { ResumableRow, ResumableRows } from './resumable-rows.ts'
import { Turns, type Turn } from './turns.ts'

/** Whoever knows the id of a guest's upload may go on with it: it must not be guessed. */
const ID_LENGTH = 24

export interface ResumableUploadsDependencies {
  rows: ResumableRows
  blobs: BlobStore
  files: Files
  freeSpace: FreeSpace
  tracker: UploadTracker
  clock: Clock
  log: Log
  /** How long an upload may rest before it is removed, ms; a finished one is remembered as long. */
  lifetimeMs: number
  uptime: Uptime
  /** How long an upload whose time is over can still come back when the clock was wrong, ms of uptime. */
  quarantineMs: number
}

export interface NewUpload {
  lengthBytes: number
  /** Largest that is allowed, bytes, or null for no limit. */
  maxBytes: number | null
  /** Upload-Metadata for HEAD, without secrets. */
  metadata: string
  file: NewFile
  /** The client's id for progress events, or undefined. */
  watchId: string | undefined
}

export interface Part {
  /** Where the client believes that the upload stands, bytes. */
  offset: number
  request: IncomingMessage
  /** Called when the body is wanted. */
  acceptBody(): void
}

export class ResumableUploads {
  readonly #deps: ResumableUploadsDependencies
  readonly #turns: Turns
  readonly #writers: OpenWriters
  readonly #tracked = new Map<string, TrackedUpload>()

  constructor(dependencies: ResumableUploadsDependencies) {
    this.#deps = dependencies
    this.#turns = new Turns(dependencies.clock)
    this.#writers = new OpenWriters(dependencies.blobs)
  }

  /** @throws INVALID_REQUEST, TOO_LARGE, NO_SPACE, GUEST_LINK_INACTIVE, CONFLICT when the client's id is in use. */
  async create({ lengthBytes, maxBytes, metadata, file, watchId }: NewUpload): Promise<ResumableRow> {
    const { rows, blobs, freeSpace, tracker } = this.#deps
    if (lengthBytes === 0) throw invalid('Upload-Length', 'the file must be non-empty')
    if (maxBytes !== null && lengthBytes > maxBytes) throw tooLarge(maxBytes)
    using _ = await freeSpace.reserve(lengthBytes)
    const id = randomId(ID_LENGTH)
    const tracked = tracker.begin(watchId ?? id, lengthBytes)
    tracked.isWaiting = true
    try {
      const writer = await blobs.createResumable()
      const row: ResumableRow = {
        id,
        blob_key: writer.key,
        watch_id: tracked.id,
        length_bytes: lengthBytes,
        offset_bytes: 0,
        metadata,
        new_file: JSON.stringify(file),
        guest_link_id: file.guestLinkId,
        expires_at: this.#expiry(),
        hidden_since: null,
        file_id: null,
      }
      try {
        await rows.add(row)
      } catch (error) {
        await writer.abort()
        throw error
      }
      this.#tracked.set(id, tracked)
      await this.#writers.giveBack(id, writer)
      return row
    } catch (error) {
      tracker.end(tracked, { error: asHoldfastError(error) })
      throw error
    }
  }

  /** The upload as far as it is durable, or null; waits while a request that has ended is being put away. */
  async find(id: string): Promise<ResumableRow | null> {
    await this.#turns.settled(id)
    return await this.#deps.rows.find(id)
  }

  /**
   * Appends the body of a request. The last part makes the file.
   * @returns the upload as it is now; `file_id` is set when it is whole.
   * @throws NOT_FOUND; UPLOAD_BUSY; CONFLICT for another offset than ours; TOO_LARGE, NO_SPACE and UPLOAD_INTERRUPTED, after
   * which the upload goes on behind what had arrived; GUEST_LINK_INACTIVE, after which it is gone.
   */
  async receive(id: string, part: Part): Promise<ResumableRow> {
    using turn = await this.#turns.take(id, part.request)
    const row = await this.#deps.rows.find(id)
    if (!row) throw noSuchUpload(id)
    if (part.offset !== row.offset_bytes) throw wrongOffset(row, part.offset)
    const leftBytes = row.length_bytes - row.offset_bytes
    if ((contentLength(part.request) ?? 0) > leftBytes) throw tooLong(row)
    if (row.file_id !== null) return row
    using reservation = await this.#deps.freeSpace.reserve(leftBytes)
    const tracked = this.#track(row)
    // What arrived but was lost comes again: it must not count twice.
    tracked.bytes = row.offset_bytes
    try {
      const writer = await this.#open(row, part.request)
      tracked.isWaiting = false
      return await this.#append(row, writer, part, (bytes) => {
        if (writer.sizeBytes + bytes > row.length_bytes) throw tooLong(row)
        turn.lastByteAt = this.#deps.clock.now()
        tracked.add(bytes)
        reservation.used(tracked.bytes - row.offset_bytes)
      })
    } finally {
      tracked.isWaiting = true
    }
  }

  /** Gives an upload up; of a finished one only the memory of it goes. Absent is no error. */
  async terminate(id: string): Promise<void> {
    using _ = await this.#turns.seize(id)
    const row = await this.#deps.rows.find(id)
    if (row) await this.#remove(row, 'the upload was given up')
  }

  /** Removes uploads that have rested too long, and what is remembered of finished ones. @returns how many were unfinished. */
  async sweep(): Promise<number> {
    const { uptime, quarantineMs } = this.#deps
    let removed = 0
    for (const row of await this.#deps.rows.overdue(await uptime.now(), quarantineMs)) {
      if (this.#turns.isTaken(row.id)) continue
      using _: Turn = await this.#turns.take(row.id, null)
      // Somebody may have gone on with it since the question.
      if (await this.#deps.rows.find(row.id)) continue
      await this.#remove(row, 'the upload was not gone on with in time')
      if (row.file_id === null) removed += 1
    }
    return removed + (await this.#sweepRowless())
  }

  /** Those whose row went with its guest link: the database forgets them by itself, but not their writers and watchers. */
  async #sweepRowless(): Promise<number> {
    let removed = 0
    for (const [id, tracked] of this.#tracked) {
      if (this.#turns.isTaken(id) || (await this.#deps.rows.exists(id)) || this.#turns.isTaken(id)) continue
      using _: Turn = await this.#turns.take(id, null)
      await this.#writers.abandon(id)
      this.#tracked.delete(id)
      this.#deps.tracker.end(tracked, { error: new HoldfastError('UPLOAD_INTERRUPTED', 'its guest link was removed') })
      removed += 1
    }
    return removed
  }

  async #open(row: ResumableRow, { socket }: IncomingMessage): Promise<ResumableWriter> {
    // A big file takes long to hash again, and the client has nothing to say meanwhile.
    const { timeout } = socket
    socket.setTimeout(0)
    const writer = await this.#writers.take(row)
    socket.setTimeout(timeout ?? 0)
    if (!writer) {
      await this.#remove(row, 'its bytes are gone')
      throw noSuchUpload(row.id)
    }
    if (writer.sizeBytes === row.offset_bytes) return writer
    const offset = row.offset_bytes
    const left = { ...row, offset_bytes: writer.sizeBytes }
    await this.#deps.rows.change(row.id, left)
    await this.#writers.giveBack(row.id, writer)
    this.#deps.log.error(
      { upload: row.id, offset, left: left.offset_bytes },
      'acknowledged bytes of an upload are gone',
    )
    throw wrongOffset(left, offset)
  }

  async #append(row: ResumableRow, writer: ResumableWriter, part: Part, onBytes: OnBytes): Promise<ResumableRow> {
    const save = async () => this.#note(row, await writer.flush())
    const checkpoints = new Checkpoints(async () => void (await save()), this.#deps.clock, this.#deps.log)
    let failure: unknown = null
    try {
      part.acceptBody()
      await receiveBody(part.request, writer, (bytes, chunk) => {
        onBytes(bytes, chunk)
        checkpoints.tick()
      })
    } catch (error) {
      failure = error
    }
    await checkpoints.stop()
    if (writer.failed.aborted) {
      await this.#note(row, writer.flushedBytes)
      throw failure ?? writer.failed.reason
    }
    const isWhole = writer.sizeBytes === row.length_bytes
    if (isWhole && !isTooLarge(failure)) return await this.#complete(row, writer, part.request)
    const noted = await save()
    await this.#writers.giveBack(row.id, writer)
    if (failure !== null) throw failure
    return noted
  }

  /** Notes how far an upload has come. The last step is not noted but made: see `#complete`. */
  async #note(row: ResumableRow, offsetBytes: number): Promise<ResumableRow> {
    const change = { offset_bytes: offsetBytes, expires_at: this.#expiry() }
    if (offsetBytes < row.length_bytes) await this.#deps.rows.change(row.id, change)
    const tracked = this.#tracked.get(row.id)
    if (tracked) tracked.bytes = Math.max(offsetBytes, tracked.bytes)
    return { ...row, ...change }
  }

  async #complete(row: ResumableRow, writer: ResumableWriter, { socket }: IncomingMessage): Promise<ResumableRow> {
    const { files, rows, tracker } = this.#deps
    // The disk may need longer than the connection may be idle.
    socket.setTimeout(0)
    const blob = await writer.finish()
    const whole = { ...row, offset_bytes: row.length_bytes, expires_at: this.#expiry() }
    try {
      const newFile = JSON.parse(row.new_file) as NewFile
      const file = await files.record(blob, newFile, async (transaction, id) => rows.complete(transaction, whole, id))
      const tracked = this.#tracked.get(row.id)
      this.#tracked.delete(row.id)
      if (tracked) tracker.end(tracked, { fileId: file.id })
      return { ...whole, file_id: file.id }
    } catch (error) {
      // The blob stays: who sends the last part again takes it back.
      const isFinal = error instanceof HoldfastError && error.code === 'GUEST_LINK_INACTIVE'
      if (isFinal) await this.#remove(row, error.message)
      throw error
    }
  }

  /** The row first: a crash in between leaves bytes for the sweeper, not an upload without any. */
  async #remove(row: ResumableRow, why: string): Promise<void> {
    const { rows, tracker } = this.#deps
    await rows.remove(row.id)
    if (row.file_id === null) await this.#writers.discard(row)
    const tracked = this.#tracked.get(row.id)
    this.#tracked.delete(row.id)
    if (tracked) tracker.end(tracked, { error: new HoldfastError('UPLOAD_INTERRUPTED', why) })
  }

  #track(row: ResumableRow): TrackedUpload {
    const known = this.#tracked.get(row.id)
    if (known) return known
    // Another may have taken the client's id while we were down: watching is worth less than the upload.
    const watchId = this.#deps.tracker.isRunning(row.watch_id) ? randomId(ID_LENGTH) : row.watch_id
    const tracked = this.#deps.tracker.begin(watchId, row.length_bytes, row.offset_bytes)
    this.#tracked.set(row.id, tracked)
    return tracked
  }

  #expiry(): number {
    return this.#deps.clock.now() + this.#deps.lifetimeMs
  }
}

export function noSuchUpload(id: string): HoldfastError {
  return new HoldfastError(
    'NOT_FOUND',
    `there is no upload ${JSON.stringify(id.slice(0, 40))}; it may have expired or been given up`,
  )
}

function wrongOffset(row: ResumableRow, given: number): HoldfastError {
  return new HoldfastError('CONFLICT', `the upload ${row.id} stands at byte ${row.offset_bytes}, not ${given}`, {
    hint: 'Ask for the offset with HEAD and go on from there.',
    details: { offset: row.offset_bytes },
  })
}

function tooLong(row: ResumableRow): HoldfastError {
  const length = formatBytes(row.length_bytes)
  return new HoldfastError('TOO_LARGE', `this is more than the ${length} that the upload ${row.id} was announced with`)
}

function isTooLarge(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'TOO_LARGE'
}

function asHoldfastError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error
  return new HoldfastError('INTERNAL', 'the upload failed inside the server')
}
