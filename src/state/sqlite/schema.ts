import { HEADS_SCHEMA } from './heads.ts'
import { metaSchema } from './meta.ts'
import { PACKS_SCHEMA } from './packs.ts'
import { SAVES_SCHEMA } from './saves.ts'

/** All tables of a state's file; docs/reference/state-format.md describes them. */
export function schemaOfNewState(): string {
  return [metaSchema(), SAVES_SCHEMA, HEADS_SCHEMA, PACKS_SCHEMA].join('\n')
}

/** What a file of format 1 lacks: there, small packs were rows of `packs` from the beginning. */
export const MISSING_IN_FORMAT_1 = 'ALTER TABLE saves ADD COLUMN live INTEGER; ALTER TABLE saves ADD COLUMN pack BLOB'
