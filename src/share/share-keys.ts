/** Secrets of the share that outlive a restart. */
import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from '../storage/index.ts'
import type { ShareTables } from './tables.ts'

const KEY_BYTES = 32

/** The key of that name, made at its first use. */
export async function shareKey(database: Database, name: string): Promise<Buffer> {
  const db: Kysely<ShareTables> = database.tables<ShareTables>()
  const made = { name, key: randomBytes(KEY_BYTES).toString('base64url') }
  await db
    .insertInto('share_keys')
    .values(made)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { key } = await db.selectFrom('share_keys').select('key').where('name', '=', name).executeTakeFirstOrThrow()
  return Buffer.from(key, 'base64url')
}
