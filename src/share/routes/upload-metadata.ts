/**
 * What the metadata of a resumable upload say of the file. Clients send keys of their own, which stay without effect.
 */
import { closest, type Clock } from '../../base/index.ts'
import { invalid, parsePassphrase } from '../fields.ts'
import type { NewFile } from '../files.ts'
import type { GuestLink } from '../guest-links.ts'
import type { Settings } from '../settings.ts'
import { guestExpiration, guestsFile, ownersExpiration, ownersFile } from './describe-file.ts'

/** Keys that protect a file. A misspelt one must not be dropped: the file would be there without its protection. */
const PROTECTIONS = ['expiration', 'maxDownloads', 'downloadPassphrase']
const OTHER_NAMES: Record<string, string> = {
  password: 'downloadPassphrase',
  passwd: 'downloadPassphrase',
  pass: 'downloadPassphrase',
  passphrase: 'downloadPassphrase',
  passcode: 'downloadPassphrase',
  downloadpassword: 'downloadPassphrase',
  filepassword: 'downloadPassphrase',
  downloads: 'maxDownloads',
  downloadlimit: 'maxDownloads',
  downloadslimit: 'maxDownloads',
  limitdownloads: 'maxDownloads',
  downloadsmax: 'maxDownloads',
  maxdownloadcount: 'maxDownloads',
  maxviews: 'maxDownloads',
  expire: 'expiration',
  expires: 'expiration',
  expiry: 'expiration',
  expiresat: 'expiration',
  expiresin: 'expiration',
  expireafter: 'expiration',
  expirationdate: 'expiration',
  expirationtime: 'expiration',
  ttl: 'expiration',
}

/**
 * Names as Holdfast, Uppy (`name`, `type`) and others call them.
 * @param link the guest link, or null for the owner.
 * @param fallbackName the name of an upload that need not have one, or null.
 * @throws INVALID_REQUEST
 */
export async function describeFile(
  metadata: ReadonlyMap<string, string>,
  link: GuestLink | null,
  fallbackName: string | null,
  deps: { settings: Settings; clock: Clock },
): Promise<NewFile> {
  for (const key of metadata.keys()) refuseMisspelt(key)
  const filename = metadata.get('filename') ?? metadata.get('name') ?? fallbackName
  if (filename === null) throw invalid('Upload-Metadata', "it has no 'filename'")
  const contentType = metadata.get('filetype') ?? metadata.get('type') ?? ''
  const given = { filename, contentType, note: metadata.get('note') }
  const expiration = metadata.get('expiration')
  if (link) {
    for (const key of ['maxDownloads', 'downloadPassphrase']) {
      if (metadata.get(key)) throw invalid(key, 'guests cannot set it')
    }
    return guestsFile({ ...given, expiresAt: guestExpiration(link, expiration, deps.clock.now()) }, link)
  }
  return await ownersFile({
    ...given,
    expiresAt: await ownersExpiration(expiration, deps),
    maxDownloads: metadata.get('maxDownloads'),
    passphrase: parsePassphrase(metadata.get('downloadPassphrase')),
  })
}

function refuseMisspelt(key: string): void {
  if (PROTECTIONS.includes(key)) return
  const plain = key.replaceAll(/[^A-Za-z]/g, '')
  const meant = OTHER_NAMES[plain.toLowerCase()] ?? closest(plain, PROTECTIONS)
  if (meant) throw invalid('Upload-Metadata', `unknown key ${JSON.stringify(key)}: did you mean ${meant}?`)
}
