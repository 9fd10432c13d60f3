export type {
  BlobStore,
  BlobWriter,
  ByteRange,
  ChunkSink,
  FinishedBlob,
  ResumableBlobs,
  ResumableWriter,
} from './blobs/blob-store.ts'
export { openBlobs } from './blobs/blob-stores.ts'
export { inspectDataFolder, makeFolder, makeFolders, openDataFolder } from './data-folder.ts'
export type { Database, Migrations } from './database/database.ts'
export { foldCase, openSqlite } from './database/sqlite.ts'
export {
  isBusy,
  isCorrupt,
  isDiskFull,
  isInaccessible,
  isTransientFailure,
  unusableFile,
} from './database/sqlite-errors.ts'
export { rowOf } from './database/index-damage.ts'
export { LazyStatement } from './database/lazy-statement.ts'
export type { FileInPlace } from './database/file-in-place.ts'
export { openInPlace, openSqliteFile } from './database/sqlite-file.ts'
export { WriteQueue } from './database/write-queue.ts'
export { lockFile } from './lock-file.ts'
export { STORAGE_ERRORS, type StorageErrorCode } from './errors.ts'
export { diskError } from './disk-errors.ts'
export { publishFile, syncBytes, syncFile, writeDurably } from './durable-file.ts'
