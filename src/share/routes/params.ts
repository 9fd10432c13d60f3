/** Ids in paths. A malformed one is 400, an unknown one 404, as with PicoShare. */
import { z } from 'zod'
import { ID_ALPHABET, isId } from '../../base/index.ts'
import { FILE_ID_LENGTH, type Files, type ListedFile } from '../files.ts'
import { GUEST_LINK_ID_LENGTH, type GuestLink, type GuestLinks } from '../guest-links.ts'
import { ShareError } from '../errors.ts'

/** What a malformed id is answered with is said where it is read; the pattern is for the OpenAPI document. */
const idOf = (length: number) => z.object({ id: z.string().meta({ pattern: `^[${ID_ALPHABET}]{${length}}$` }) })

export const fileIdParams = idOf(FILE_ID_LENGTH)
export const guestLinkIdParams = idOf(GUEST_LINK_ID_LENGTH)

export const deleteQuery = z.object({
  purge: z.enum(['true', 'false']).default('false').describe('Remove it for good at once, from the trash too'),
})

/** @throws INVALID_ID, NOT_FOUND */
export async function requireFile(files: Files, id: string): Promise<ListedFile> {
  const file = await files.find(requireFileId(id))
  if (!file) throw new ShareError('NOT_FOUND', `there is no file with the id ${id}; it may have expired`)
  return file
}

export function requireFileId(id: string): string {
  return requireId(id, FILE_ID_LENGTH)
}

/** @throws INVALID_ID, NOT_FOUND */
export async function requireGuestLink(links: GuestLinks, id: string): Promise<GuestLink> {
  const link = await links.find(requireGuestLinkId(id))
  if (!link) throw new ShareError('NOT_FOUND', `there is no guest link with the id ${id}`)
  return link
}

export function requireGuestLinkId(id: string): string {
  return requireId(id, GUEST_LINK_ID_LENGTH)
}

function requireId(id: string, length: number): string {
  if (isId(id, length)) return id
  throw new ShareError(
    'INVALID_ID',
    `invalid id ${JSON.stringify(id.slice(0, 40))}: expected ${length} letters and digits`,
  )
}
