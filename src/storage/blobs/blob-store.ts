/**
 * The port for the bytes of files. Drivers stand beside this file; `test/storage/blobs/conformance.ts` holds them to
 * it.
 */

import type { Log } from '../../base/index.ts'

/** Part of a blob: bytes `start` up to but not including `end`. */
export interface ByteRange {
  start: number
  end: number
}

export interface StoredBlob {
  key: string
  sizeBytes: number
}

export interface FinishedBlob extends StoredBlob {
  /** SHA-256 of the bytes, lower-case hex. */
  sha256: string
}

export interface StoreSpace {
  freeBytes: number
  totalBytes: number
}

/** Takes a chunk and resolves when it no longer needs it: the chunk's memory is used again. */
export type ChunkSink = (chunk: Uint8Array) => Promise<void>

/** What every driver is opened with. */
export interface BlobStoreOptions {
  /** Whether `finish` and `flush` wait until the bytes would survive a power cut. */
  durable: boolean
  log: Log
}

/**
 * Blobs are written once, under keys that the store makes, and never change. All methods may be called at the same
 * time. A blob exists from the moment `finish` resolves, or not at all, whatever happens in between; what a crash
 * leaves behind is removed by `removeLeftovers`.
 */
export interface BlobStore {
  /** Blobs that outlive their writer; null: the store has none, and the share offers no resumable uploads. */
  readonly resumable: ResumableBlobs | null
  /** Prepares for the first blob; `create` does so otherwise. */
  warmUp(): void
  /** Begins a blob. @throws NO_SPACE, or an error of the driver. */
  create(): Promise<BlobWriter>
  /**
   * Copies a part of a blob to `sink`, in order, one chunk at a time.
   * @param signal ends the copy before its next chunk.
   * @throws BLOB_DAMAGED when the blob is missing or shorter than `range.end`; what `sink` throws; the reason of
   * `signal`.
   */
  copy(key: string, range: ByteRange, sink: ChunkSink, signal?: AbortSignal): Promise<void>
  /** The size of a blob, or null when there is none. */
  stat(key: string): Promise<StoredBlob | null>
  /** Removes a blob, finished or unfinished. Absent is not an error; a copy that runs goes on to its end. */
  delete(key: string): Promise<void>
  /** All finished blobs, in no order. May or may not show blobs that come and go meanwhile. */
  list(): AsyncIterable<StoredBlob>
  /**
   * Removes what unfinished writers of earlier processes left, but for blobs that an upload will go on with.
   * @param isKept asked for each that no writer of this process has. @returns how many were removed.
   */
  removeLeftovers(isKept: (key: string) => Promise<boolean>): Promise<number>
  /** Resolves when a write, a rename and a wait for the disk have worked. @throws the error of the driver. */
  probe(): Promise<void>
  /** Bytes that can still be stored and that there are in all, or null when the store knows no limit. */
  space(): Promise<StoreSpace | null>
  /** Ends background work. Writers that run fail. Idempotent. */
  close(): Promise<void>
}

/** Optional: not every store can continue a blob that another process began. */
export interface ResumableBlobs {
  /** Begins a blob that `resume` can go on with. @throws as `BlobStore.create`. */
  create(): Promise<ResumableWriter>
  /**
   * Goes on with an unfinished blob without a writer, after its first `sizeBytes` bytes: those are hashed again, which
   * takes as long as reading them, and the rest is dropped. A finished blob becomes unfinished. May not be called twice
   * at once for one key.
   * @param sizeBytes 0, or what the blob's last writer had as `flushedBytes` at any time: a store may keep whole parts
   * only, and can not cut between.
   * @returns a writer that holds fewer bytes where fewer are left; null: nothing is there.
   */
  resume(key: string, sizeBytes: number): Promise<ResumableWriter | null>
  /**
   * Copies the first `sizeBytes` bytes of an unfinished blob without a writer, as `BlobStore.copy` does.
   * @throws BLOB_DAMAGED when it is missing or shorter; what `sink` throws; the reason of `signal`.
   */
  copy(key: string, sizeBytes: number, sink: ChunkSink, signal?: AbortSignal): Promise<void>
}

export interface BlobWriter {
  /** The key that the blob will have. */
  readonly key: string
  /** Bytes taken so far. */
  readonly sizeBytes: number
  /** Aborted as soon as writing has failed, with the error as its reason. */
  readonly failed: AbortSignal
  /**
   * Takes bytes, copying them: the caller may use the chunk again at once.
   * @returns false when the writer has more than it can store right now: wait for `drained` before the next.
   */
  write(chunk: Uint8Array): boolean
  /** Resolves when `write` would return true. Rejects when writing has failed. */
  drained(): Promise<void>
  /** Resolves when the blob is whole, durable (unless the store was told otherwise) and readable under its key. */
  finish(): Promise<FinishedBlob>
  /** Gives up and leaves nothing behind. Idempotent; after `finish` it does nothing. */
  abort(): Promise<void>
}

/** A writer whose blob outlives it: a failure, the end of the process and a power cut leave what had been flushed. */
export interface ResumableWriter extends BlobWriter {
  /** Bytes known to survive a power cut. When writing has failed, what `resume` can go on behind. */
  readonly flushedBytes: number
  /**
   * Resolves when what the store can keep of the bytes taken so far would survive a power cut (unless the store was
   * told otherwise).
   * @returns the number of bytes that do; a store that keeps whole parts only may return less than it has taken.
   */
  flush(): Promise<number>
  /** Ends the writer and leaves what had been flushed for `resume`. Idempotent; after `finish` it does nothing. */
  leave(): Promise<void>
}
