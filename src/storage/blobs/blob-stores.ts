/** Chooses the blob store by its location. A new store is a driver in a folder of its own and a line here. */
import type { BlobStore, BlobStoreOptions } from './blob-store.ts'
import { StorageError } from '../errors.ts'

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
  // Two letters at least: C:\data is a folder.
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(location)?.[1] ?? 'file'
  const open = BLOB_STORES[scheme]
  if (open) return open(location, options)
  throw new StorageError('INVALID_REQUEST', `there is no blob store for ${scheme}: URLs`, {
    hint: `Give a data folder, or a URL that begins with ${Object.keys(BLOB_STORES)
      .map((name) => `${name}:`)
      .join(', ')}`,
  })
}
