import { SqliteState } from '../state/sqlite/sqlite-state.ts'

export const wrong = SqliteState
