import { HEADS_SCHEMA } from './heads.ts'
import { metaSchema } from './meta.ts'
import { PACKS_SCHEMA } from './packs.ts'
import { SAVES_SCHEMA } from './saves.ts'

/** All tables of a state's file; docs/reference/state-format.md describes them. */
export function schemaOfNewState(): string {
  return [metaSchema(), SAVES_SCHEMA, HEADS_SCHEMA, PACKS_SCHEMA].join('\n')
}
