/** Chooses the blob store by its location. A new store is a driver in a folder of its own and a line here. */
import { byScheme } from '../../base/index.ts'
import type { BlobStore, BlobStoreOptions } from './blob-store.ts'

type Open = (location: string, options: BlobStoreOptions) => Promise<BlobStore>

/** By URL scheme. A location without a scheme is a data folder. Drivers load when they are chosen. */
const BLOB_STORES: Readonly<Record<string, Open>> = {
  async file(location, options) {
    const { FilesystemBlobs } = await import('./filesystem/filesystem-blobs.ts')
    return new FilesystemBlobs(location.replace(/^file:(\/\/)?/, ''), options)
  },
}

/**
 * @param location A data folder that exists, or a URL whose scheme names the store.
 * @throws INVALID_REQUEST for a scheme that no store has.
 */
export async function openBlobs(location: string, options: BlobStoreOptions): Promise<BlobStore> {
  const open = byScheme(location, { drivers: BLOB_STORES, fallback: 'file', kind: 'blob store' })
  return open(location, options)
}
