import { sql, type Kysely } from 'kysely'
import type { Migrations } from '../../storage/index.ts'

export interface AuthTables {
  sessions: {
    id: string
    token_hash: string
    expires_at: number
    /** Null of a session from before this was kept. */
    created_at: number | null
    last_used_at: number | null
    /** The uptime in ms at which it began; null until a session from before this was kept is used. */
    began_uptime: number | null
    client_ip: string | null
    user_agent: string | null
  }
  api_tokens: {
    id: string
    name: string
    token_hash: string
    /** Names of Scope, with blanks between. */
    scopes: string
    created_at: number
    /** Null is never. */
    expires_at: number | null
    last_used_at: number | null
  }
}

export const authMigrations: Migrations = {
  'server-001-auth': { up: createTables },
  'server-002-scopes-and-sessions': { up: addScopesAndSessions },
  'server-003-session-uptime': { up: addSessionUptime },
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

async function addScopesAndSessions(db: Kysely<unknown>): Promise<void> {
  const tokens = db.schema.alterTable('api_tokens')
  await tokens.addColumn('scopes', 'text', (column) => column.notNull().defaultTo('manage')).execute()
  await tokens.addColumn('expires_at', 'bigint').execute()
  const sessions = db.schema.alterTable('sessions')
  await sessions.addColumn('id', 'text', (column) => column.notNull().defaultTo('')).execute()
  for (const name of ['created_at', 'last_used_at']) await sessions.addColumn(name, 'bigint').execute()
  for (const name of ['client_ip', 'user_agent']) await sessions.addColumn(name, 'text').execute()
  await sql`update sessions set id = lower(hex(randomblob(8)))`.execute(db)
}

async function addSessionUptime(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('sessions').addColumn('began_uptime', 'bigint').execute()
}
