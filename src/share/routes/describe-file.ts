/** From what a request says about a file to what becomes of it; the same for all ways to upload. */
import type { Clock } from '../../base/index.ts'
import { formatTime, invalid, parseExpiration, parseFilename, parseMaxDownloads, parseNote } from '../fields.ts'
import type { NewFile } from '../files.ts'
import type { GuestLink } from '../guest-links.ts'
import { parseContentType } from '../media-type.ts'
import { hashPassphrase } from '../passphrase.ts'
import type { Settings } from '../settings.ts'

const MS_A_DAY = 86_400_000

export interface GivenFile {
  filename: string
  contentType: string
  /** Null is never. */
  expiresAt: number | null
  note: string | null | undefined
}

/** @throws INVALID_REQUEST */
export async function ownersFile(
  given: GivenFile & { maxDownloads: string | undefined; passphrase: string | null },
): Promise<NewFile> {
  return {
    filename: parseFilename(given.filename),
    contentType: parseContentType(given.contentType),
    expiresAt: given.expiresAt,
    note: parseNote(given.note),
    guestLinkId: null,
    passphraseHash: given.passphrase === null ? null : await hashPassphrase(given.passphrase),
    maxDownloads: parseMaxDownloads(given.maxDownloads),
  }
}

/** @throws INVALID_REQUEST */
export function guestsFile(given: GivenFile, link: GuestLink): NewFile {
  if (given.note) throw invalid('note', 'guests cannot leave one')
  return {
    filename: parseFilename(given.filename),
    contentType: parseContentType(given.contentType),
    expiresAt: given.expiresAt,
    note: null,
    guestLinkId: link.id,
    passphraseHash: null,
    maxDownloads: null,
  }
}

/** When a file of a guest goes: as they say, and with the link's longest life at the latest. @throws INVALID_REQUEST */
export function guestExpiration(link: GuestLink, given: string | undefined, now: number): number | null {
  const latest = link.file_lifetime_ms === null ? null : now + link.file_lifetime_ms
  if (!given) return latest
  const wanted = parseExpiration(given, now)
  if (latest !== null && (wanted === null || wanted > latest)) {
    throw invalid('expiration', `this guest link keeps files until ${formatTime(latest)} at the latest`)
  }
  return wanted
}

/** When a file of the owner goes: as they say, or as the settings do. @throws INVALID_REQUEST */
export async function ownersExpiration(
  given: string | undefined,
  { settings, clock }: { settings: Settings; clock: Clock },
): Promise<number | null> {
  if (given) return parseExpiration(given, clock.now())
  const { defaultNeverExpire, defaultExpirationDays } = await settings.load()
  return defaultNeverExpire ? null : clock.now() + defaultExpirationDays * MS_A_DAY
}

/** The smaller of two limits, null being none. */
export function smaller(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b)
}
