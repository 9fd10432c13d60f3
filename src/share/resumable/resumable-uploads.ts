/**
 * Uploads that go on over many requests and restarts. The same pipeline as for other uploads, with two differences:
 * the partial file outlives the request, and a row says how much of it has been acknowledged. That number never
 * covers a byte that a crash could take, and it reaches the length only in the transaction that makes the file.
 */
import type { IncomingMessage } from 'node:http'
import { formatBytes, HoldfastError, type Clock, type Log } from '../../base/index.ts'
import type { BlobStore, ResumableBlobs, ResumableWriter } from '../../storage/index.ts'
import { invalid } from '../fields.ts'
import type { Files, NewFile } from '../files.ts'
import type { FreeSpace } from '../free-space.ts'
import { receive, release } from '../receive-body.ts'
import type { UploadTracker } from '../upload-tracker.ts'
import type { Uptime } from '../uptime.ts'
import { contentLength, tooLarge } from '../uploads.ts'
import { Checkpoints } from './checkpoints.ts'
import type { PartCheck } from './checksums.ts'
import { Concatenation } from './concatenation.ts'
import { GivenUp } from './given-up.ts'
import { OpenWriters } from './open-writers.ts'
import { newUploadId, Outcomes } from './outcomes.ts'
import { isWhole, noSuchUpload, type ResumableRow, type ResumableRows } from './resumable-rows.ts'
import { Turns, type Turn } from './turns.ts'
import { ShareError, type ShareErrorCode } from '../errors.ts'

/** An upload of a guest that got no byte for so long makes room for another: its client has most likely lost it. */
const NEVER_BEGUN_AFTER_MS = 60_000

export interface ResumableUploadsDependencies {
  rows: ResumableRows
  blobs: BlobStore
  /** Of `blobs`. */
  resumable: ResumableBlobs
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
  /** Null when the client will tell it later. */
  lengthBytes: number | null
  /** Largest that is allowed, bytes, or null for no limit. */
  maxBytes: number | null
  /** Whether it is to become part of a file rather than one. */
  isPartial: boolean
  /** Upload-Metadata for HEAD, without secrets. */
  metadata: string
  file: NewFile
  /** The client's id for progress events, or undefined. */
  watchId: string | undefined
}

export interface Part {
  /** Where the client believes that the upload stands, bytes. */
  offset: number
  /** What the client says of the length of the whole, or null when it says nothing. */
  lengthBytes: number | null
  /** What must hold of the part's bytes, or null. */
  check: PartCheck | null
  /** Whether the client says that it is the last, or null when that shows by the length. */
  isLast: boolean | null
  request: IncomingMessage
  /** Called when the body is wanted. */
  acceptBody(): void
}

export class ResumableUploads {
  readonly #deps: ResumableUploadsDependencies
  readonly #turns: Turns
  readonly #writers: OpenWriters
  readonly #outcomes: Outcomes
  readonly #concatenation: Concatenation
  readonly #givenUp: GivenUp

  constructor(dependencies: ResumableUploadsDependencies) {
    this.#deps = dependencies
    this.#turns = new Turns(dependencies.clock)
    this.#writers = new OpenWriters(dependencies.blobs, dependencies.resumable)
    this.#outcomes = new Outcomes({ ...dependencies, writers: this.#writers })
    const parts = { writers: this.#writers, outcomes: this.#outcomes, turns: this.#turns }
    this.#givenUp = new GivenUp(dependencies.clock)
    this.#concatenation = new Concatenation({ ...dependencies, ...parts })
  }

  /**
   * Begins an upload. An empty file is whole at once.
   * @throws INVALID_REQUEST, TOO_LARGE, NO_SPACE, TOO_MANY_UPLOADS, GUEST_LINK_INACTIVE, CONFLICT when the client's id
   * is in use.
   */
  async create(given: NewUpload): Promise<ResumableRow> {
    const { lengthBytes, maxBytes } = given
    if (lengthBytes !== null && maxBytes !== null && lengthBytes > maxBytes) throw tooLarge(maxBytes)
    const upload = newUpload(given, this.#expiry())
    await this.#makeRoom(upload)
    const row = await this.#outcomes.begun(upload, async () => this.#store(upload))
    return isWhole(row) && !given.isPartial ? await this.#completeEmpty(row) : row
  }

  /**
   * Makes one file of partial uploads, which are gone then but for the memory of them. Asked for the same again, it
   * goes on where it was, and names the file that is there.
   * @throws NOT_FOUND, CONFLICT, INVALID_REQUEST for uploads that are not parts, or not whole; TOO_LARGE, NO_SPACE,
   * TOO_MANY_UPLOADS, GUEST_LINK_INACTIVE; when it fails in the middle, asking again goes on.
   */
  async concatenate(parts: readonly string[], given: NewUpload): Promise<ResumableRow> {
    return await this.#concatenation.concatenate(parts, newUpload(given, this.#expiry()))
  }

  /** The upload as far as it is durable, or null; waits until what the client sent before its question is put away. */
  async find(id: string): Promise<ResumableRow | null> {
    await this.#turns.arrived(id)
    return await this.#deps.rows.find(id)
  }

  /**
   * Appends the body of a request. The last part makes the file.
   * @param guestLinkId the link through which the request came, or null for the owner.
   * @returns the upload as it is now; `file_id` is set when it is a file. @throws NOT_FOUND; UPLOAD_BUSY; CONFLICT for
   * another offset than ours; INVALID_REQUEST for another length; FINAL_UPLOAD; TOO_LARGE, NO_SPACE and
   * UPLOAD_INTERRUPTED, after which the upload goes on behind what had arrived; CHECKSUM_MISMATCH, after which it goes
   * on where it was; GUEST_LINK_INACTIVE, after which it is gone.
   */
  async receive(id: string, guestLinkId: string | null, part: Part): Promise<ResumableRow> {
    using turn = await this.#turns.take(id, part.request)
    const known = await this.#deps.rows.find(id)
    if (known?.guest_link_id !== guestLinkId) throw noSuchUpload(id)
    if (known.concat?.startsWith('final;')) {
      throw new ShareError('FINAL_UPLOAD', `the upload ${id} is made of partial uploads and takes no bytes`)
    }
    if (part.offset !== known.offset_bytes) throw wrongOffset(known, part.offset)
    const row = agreeOnLength(known, part)
    const leftBytes = (row.length_bytes ?? row.max_bytes ?? Infinity) - row.offset_bytes
    if ((contentLength(part.request) ?? 0) > leftBytes) throw tooLong(row)
    if (known.file_id !== null || (known.concat === 'partial' && isWhole(known))) return known
    using reservation = await this.#deps.freeSpace.reserve(
      row.length_bytes === null ? contentLength(part.request) : leftBytes,
    )
    await this.#noteLength(known, row)
    const tracked = this.#outcomes.tracked(row)
    tracked.total = row.length_bytes
    // What arrived but was lost comes again: it must not count twice.
    tracked.bytes = row.offset_bytes
    try {
      const writer = await this.#open(row, part.request)
      tracked.isWaiting = false
      return await this.#append(row, writer, part, (bytes) => {
        if (writer.sizeBytes + bytes > row.offset_bytes + leftBytes) throw tooLong(row)
        turn.lastByteAt = this.#deps.clock.now()
        tracked.add(bytes)
        reservation.used(tracked.bytes - row.offset_bytes)
      })
    } finally {
      tracked.isWaiting = true
    }
  }

  /**
   * Gives an upload up; of a finished one only the memory of it goes. Absent is not an error. @throws CONFLICT for a
   * part in use.
   */
  async terminate(id: string): Promise<void> {
    using _ = await this.#turns.seize(id)
    const row = await this.#deps.rows.find(id)
    if (!row) return
    if (row.final_id !== null && row.file_id === null) {
      throw new ShareError('CONFLICT', `the upload ${id} is being made part of a file`)
    }
    if (row.guest_link_id !== null && row.file_id === null) this.#givenUp.add(row.guest_link_id)
    await this.#outcomes.remove(row, 'the upload was given up')
  }

  /**
   * Removes uploads that have rested too long, and what is remembered of finished ones.
   * @returns how many were unfinished.
   */
  async sweep(): Promise<number> {
    const { uptime, quarantineMs } = this.#deps
    let removed = 0
    for (const row of await this.#deps.rows.overdue(await uptime.now(), quarantineMs)) {
      const isRemoved = await this.#removeIf(row, async () => !(await this.#deps.rows.find(row.id)))
      if (isRemoved && row.file_id === null) removed += 1
    }
    return removed + (await this.#sweepRowless())
  }

  /**
   * Those whose row went with its guest link: the database forgets them by itself, but not their writers and
   * watchers.
   */
  async #sweepRowless(): Promise<number> {
    let removed = 0
    for (const id of this.#outcomes.running()) {
      if (this.#turns.isTaken(id) || (await this.#deps.rows.exists(id)) || this.#turns.isTaken(id)) continue
      using _: Turn = await this.#turns.take(id, null)
      await this.#outcomes.abandon(id)
      removed += 1
    }
    return removed
  }

  /** Removes an upload that no request uses, unless a client has gone on with it since it was looked up. */
  async #removeIf(row: ResumableRow, isOver: () => Promise<boolean>): Promise<boolean> {
    if (this.#turns.isTaken(row.id)) return false
    using _: Turn = await this.#turns.take(row.id, null)
    if (!(await isOver())) return false
    await this.#outcomes.remove(row, 'the upload was not gone on with in time')
    return true
  }

  /** @throws NO_SPACE, TOO_MANY_UPLOADS, GUEST_LINK_INACTIVE */
  async #makeRoom(upload: Omit<ResumableRow, 'blob_key'>): Promise<void> {
    const { rows, freeSpace, clock } = this.#deps
    using _ = await freeSpace.reserve(upload.length_bytes)
    const linkId = upload.guest_link_id
    if (linkId === null) return
    this.#givenUp.requireFew(linkId)
    // The owner may promise more than there is, and gets NO_SPACE in the middle; guests could lock everybody out with
    // that.
    const available = await freeSpace.available()
    if (available !== null && (await rows.pendingBytes()) > available) {
      throw new ShareError('NO_SPACE', 'the uploads that have begun need all the space that is left')
    }
    try {
      await rows.requireRoom(upload)
    } catch (error) {
      if (!isCode(error, 'TOO_MANY_UPLOADS')) throw error
      const expiresBy = clock.now() + this.#deps.lifetimeMs - NEVER_BEGUN_AFTER_MS
      for (const row of await rows.neverBegun(linkId, expiresBy)) {
        await this.#removeIf(row, async () => (await rows.find(row.id))?.offset_bytes === 0)
      }
      await rows.requireRoom(upload)
    }
  }

  async #store(upload: Omit<ResumableRow, 'blob_key'>): Promise<ResumableRow> {
    const writer = await this.#deps.resumable.create()
    const row = { ...upload, blob_key: writer.key }
    try {
      await this.#deps.rows.add(row)
    } catch (error) {
      await writer.abort()
      throw error
    }
    await this.#writers.giveBack(row.id, writer)
    return row
  }

  async #completeEmpty(row: ResumableRow): Promise<ResumableRow> {
    using _ = await this.#turns.take(row.id, null)
    const writer = await this.#writers.take(row)
    if (!writer) throw noSuchUpload(row.id)
    return await this.#outcomes.complete({ ...row, expires_at: this.#expiry() }, writer)
  }

  /**
   * Remembers a length that has become known, but for a length that is reached already, which is noted when the file
   * is made.
   */
  async #noteLength(known: ResumableRow, row: ResumableRow): Promise<void> {
    if (known.length_bytes === row.length_bytes || (isWhole(row) && row.concat !== 'partial')) return
    await this.#deps.rows.change(row.id, { length_bytes: row.length_bytes })
  }

  async #open(row: ResumableRow, { socket }: IncomingMessage): Promise<ResumableWriter> {
    // A big file takes long to hash again, and the client has nothing to say meanwhile.
    const { timeout } = socket
    socket.setTimeout(0)
    const writer = await this.#writers.take(row)
    socket.setTimeout(timeout ?? 0)
    if (!writer) {
      await this.#outcomes.remove(row, 'its bytes are gone')
      throw noSuchUpload(row.id)
    }
    if (writer.sizeBytes === row.offset_bytes) return writer
    const offset = row.offset_bytes
    const left = { ...row, offset_bytes: writer.sizeBytes }
    await this.#deps.rows.change(row.id, { offset_bytes: left.offset_bytes })
    await this.#writers.giveBack(row.id, writer)
    this.#deps.log.error(
      { upload: row.id, offset, left: left.offset_bytes },
      'acknowledged bytes of an upload are gone',
    )
    throw wrongOffset(left, offset)
  }

  async #append(
    row: ResumableRow,
    writer: ResumableWriter,
    part: Part,
    onBytes: (count: number) => void,
  ): Promise<ResumableRow> {
    const save = async () => this.#outcomes.note(row, await writer.flush(), this.#expiry())
    const checkpoints = new Checkpoints(async () => void (await save()), this.#deps.clock, this.#deps.log)
    let failure: unknown = null
    let length = row.length_bytes
    try {
      part.acceptBody()
      await receive(part.request, writer, (chunk) => {
        onBytes(chunk.length)
        // What has not been checked must not count.
        if (part.check) part.check.update(chunk)
        else checkpoints.tick()
        const isReady = writer.write(chunk)
        release(chunk)
        return isReady
      })
      part.check?.finish()
      if (part.isLast && row.length_bytes !== null && writer.sizeBytes < row.length_bytes) {
        throw invalid('Upload-Complete', `${row.length_bytes - writer.sizeBytes} bytes are missing at the end`)
      }
      if (part.isLast) length = writer.sizeBytes
    } catch (error) {
      failure = error
    }
    await checkpoints.stop()
    if (failure !== null && part.check) {
      await writer.leave()
      throw failure
    }
    if (writer.failed.aborted) {
      await this.#outcomes.note(row, writer.flushedBytes, this.#expiry())
      throw failure ?? writer.failed.reason
    }
    const isFile = writer.sizeBytes === length && row.concat !== 'partial'
    if (isFile && !isCode(failure, 'TOO_LARGE')) {
      // The disk may need longer than the connection may be idle.
      part.request.socket.setTimeout(0)
      return await this.#outcomes.complete({ ...row, expires_at: this.#expiry() }, writer)
    }
    const noted = await save()
    await this.#writers.giveBack(row.id, writer)
    if (failure !== null) throw failure
    return noted
  }

  #expiry(): number {
    return this.#deps.clock.now() + this.#deps.lifetimeMs
  }
}

function newUpload(given: NewUpload, expiresAt: number): Omit<ResumableRow, 'blob_key'> {
  const id = newUploadId()
  return {
    id,
    watch_id: given.watchId ?? id,
    length_bytes: given.lengthBytes,
    max_bytes: given.maxBytes,
    offset_bytes: 0,
    concat: given.isPartial ? 'partial' : null,
    final_id: null,
    metadata: given.metadata,
    new_file: JSON.stringify(given.file),
    guest_link_id: given.file.guestLinkId,
    expires_at: expiresAt,
    hidden_since: null,
    file_id: null,
  }
}

/**
 * The upload with its length, if that is known by now. @throws INVALID_REQUEST for a length that cannot be, TOO_LARGE.
 */
function agreeOnLength(row: ResumableRow, { lengthBytes }: Part): ResumableRow {
  if (lengthBytes === null || lengthBytes === row.length_bytes) return row
  if (row.length_bytes !== null) {
    throw invalid('Upload-Length', `${lengthBytes} is not the length ${row.length_bytes} that the upload has`)
  }
  if (lengthBytes < row.offset_bytes) {
    throw invalid('Upload-Length', `${lengthBytes} is less than the ${row.offset_bytes} bytes that have arrived`)
  }
  if (row.max_bytes !== null && lengthBytes > row.max_bytes) throw tooLarge(row.max_bytes)
  return { ...row, length_bytes: lengthBytes }
}

function wrongOffset(row: ResumableRow, given: number): HoldfastError {
  return new ShareError('CONFLICT', `the upload ${row.id} stands at byte ${row.offset_bytes}, not ${given}`, {
    hint: 'Ask for the offset with HEAD and go on from there.',
    details: { offset: row.offset_bytes },
  })
}

function tooLong(row: ResumableRow): HoldfastError {
  if (row.length_bytes === null) return tooLarge(row.max_bytes ?? 0)
  const length = formatBytes(row.length_bytes)
  return new ShareError('TOO_LARGE', `this is more than the ${length} that the upload ${row.id} was announced with`)
}

function isCode(error: unknown, code: ShareErrorCode): boolean {
  return error instanceof HoldfastError && error.code === code
}
