export type {
  BlobStore,
  BlobWriter,
  ByteRange,
  ChunkSink,
  FinishedBlob,
  StoredBlob,
  StoreSpace,
} from './blobs/blob-store.ts'
export { FilesystemBlobs } from './blobs/filesystem.ts'
export { inspectDataFolder, openDataFolder, type DataFolder } from './data-folder.ts'
export type { Database, Migrations } from './database/database.ts'
export { foldCase, openSqlite } from './database/sqlite.ts'
export { isBusy, isCorrupt, isDiskFull, isTransientFailure } from './database/sqlite-errors.ts'
export { openSqliteFile } from './database/sqlite-file.ts'
export { WriteQueue } from './database/write-queue.ts'
