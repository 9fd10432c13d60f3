import { openSqlite } from '../../storage/database/sqlite.ts'
export const wrong = openSqlite
