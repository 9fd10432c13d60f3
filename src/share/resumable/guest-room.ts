/**
 * What the unfinished uploads of a guest link may take together: no more files and bytes than the link still allows.
 * Announced bytes count, not received ones, so that a link cannot be made to hold many times its limits.
 */
import { sql, type Kysely } from 'kysely'
import { formatBytes, HoldfastError } from '../../base/index.ts'
import { countUploads } from '../files.ts'
import type { ShareTables } from '../tables.ts'
import type { ResumableRow } from './resumable-rows.ts'
import { ShareError } from '../errors.ts'

/** Unfinished uploads of one link, whatever its limits are: each has a file on the disk and a row. */
const MAX_UNFINISHED = 1000
/** Parts that may be on their way for each file that the link still allows. */
const MAX_PARTS_A_FILE = 32

type Announced = Pick<ResumableRow, 'guest_link_id' | 'length_bytes' | 'max_bytes' | 'concat'>

/**
 * Part of the transaction that adds the upload.
 * @throws TOO_MANY_UPLOADS; GUEST_LINK_INACTIVE when the link is used up or has been removed.
 */
export async function requireRoom(db: Kysely<ShareTables>, upload: Announced, now: number): Promise<void> {
  if (upload.guest_link_id === null) return
  const link = await limitsOf(db, upload.guest_link_id)
  if (!link) throw new ShareError('GUEST_LINK_INACTIVE', 'the guest link has been removed')
  const unfinished = await unfinishedOf(db, upload.guest_link_id, now)
  if (unfinished.files + unfinished.parts >= MAX_UNFINISHED) {
    throw full(`${MAX_UNFINISHED} uploads through this guest link are unfinished`, unfinished.firstEnd, now)
  }
  const { maxFileBytes, filesLeft } = link
  if (filesLeft === null) return
  if (filesLeft <= 0) throw new ShareError('GUEST_LINK_INACTIVE', 'the guest link is used up')
  const left = `this guest link takes ${filesLeft} more ${filesLeft === 1 ? 'file' : 'files'}`
  const isPart = upload.concat === 'partial'
  if (isPart ? unfinished.parts >= filesLeft * MAX_PARTS_A_FILE : unfinished.files >= filesLeft) {
    const count = isPart ? unfinished.parts : unfinished.files
    const what = count === 1 ? '1 upload through it is unfinished' : `${count} uploads through it are unfinished`
    throw full(`${left}, and ${what}`, unfinished.firstEnd, now)
  }
  // A final upload takes the place of its parts, which have been counted.
  if (maxFileBytes === null || upload.concat?.startsWith('final;')) return
  const allowed = maxFileBytes * filesLeft
  if (unfinished.bytes + (upload.length_bytes ?? upload.max_bytes ?? 0) > allowed) {
    const taken = `its unfinished uploads take ${formatBytes(unfinished.bytes)} of ${formatBytes(allowed)}`
    throw full(`${left}, and ${taken}`, unfinished.firstEnd, now)
  }
}

/** Bytes that unfinished uploads have announced and not sent yet. */
export async function pendingBytes(db: Kysely<ShareTables>, now: number): Promise<number> {
  const { bytes } = await unfinishedUploads(db, now)
    .select(sql<number>`coalesce(sum(coalesce(length_bytes, offset_bytes) - offset_bytes), 0)`.as('bytes'))
    .executeTakeFirstOrThrow()
  return bytes
}

async function limitsOf(db: Kysely<ShareTables>, linkId: string) {
  const link = await db
    .selectFrom('guest_links')
    .select(['max_file_bytes as maxFileBytes', 'max_file_uploads', countUploads().as('uploads')])
    .where('id', '=', linkId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (!link) return null
  const filesLeft = link.max_file_uploads === null ? null : link.max_file_uploads - link.uploads
  return { maxFileBytes: link.maxFileBytes, filesLeft }
}

async function unfinishedOf(db: Kysely<ShareTables>, linkId: string, now: number) {
  return await unfinishedUploads(db, now)
    .where('guest_link_id', '=', linkId)
    .select([
      sql<number>`count(*) filter (where concat = 'partial')`.as('parts'),
      sql<number>`count(*) filter (where concat is not 'partial')`.as('files'),
      sql<number>`coalesce(sum(coalesce(length_bytes, max_bytes, offset_bytes)), 0)`.as('bytes'),
      sql<number | null>`min(expires_at)`.as('firstEnd'),
    ])
    .executeTakeFirstOrThrow()
}

/** Parts that belong to a final upload count with that one. */
function unfinishedUploads(db: Kysely<ShareTables>, now: number) {
  return db
    .selectFrom('resumable_uploads')
    .where('file_id', 'is', null)
    .where('final_id', 'is', null)
    .where('expires_at', '>', now)
}

function full(problem: string, firstEnd: number | null, now: number): HoldfastError {
  const retryAfterSeconds = Math.max(1, Math.ceil(((firstEnd ?? now) - now) / 1000))
  return new ShareError('TOO_MANY_UPLOADS', problem, {
    hint: 'Go on with one of them, give it up with DELETE, or wait: the first expires after the time in Retry-After.',
    retryable: true,
    details: { retryAfterSeconds },
  })
}
