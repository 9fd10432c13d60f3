import type { Kysely } from 'kysely'
import type { Migrations } from '../../storage/index.ts'

export interface AuthTables {
  sessions: { token_hash: string; expires_at: number }
  api_tokens: { id: string; name: string; token_hash: string; created_at: number; last_used_at: number | null }
}

export const authMigrations: Migrations = {
  'server-001-auth': { up: createTables },
}

async function createTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('token_hash', 'text', (column) => column.primaryKey())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('api_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('token_hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_used_at', 'bigint')
    .execute()
}
