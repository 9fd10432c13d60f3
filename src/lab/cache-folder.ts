import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where the lab keeps what is dear to make and safe to delete: images, built servers, hashes; and its lock. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast-lab')
}
