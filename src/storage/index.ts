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
export { openSqlite } from './database/sqlite.ts'
export { lockFile } from './lock-file.ts'
