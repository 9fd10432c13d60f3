/** What changed since a serial. */
import type { Head } from './heads.ts'
import type { SaveRow } from './saves.ts'
import type { Tables } from './tables.ts'

/** How many heads can be looked through in the time that it takes to read the record of one save. */
const HEADS_PER_SAVE = 64
/** How many heads can be looked through in the time that it takes to look one up by its name. */
const HEADS_PER_LOOKUP = 40

/** Names of the builds that the saves after a serial changed; null when not all of those saves are kept. */
export function changedSince({ saves }: Tables, newest: SaveRow | null, serial: number): Set<string> | null {
  const now = newest?.serial ?? 0
  const later = [...saves.after(serial)]
  const isComplete = serial <= now && later.length === now - serial
  return isComplete ? new Set(later.flatMap(({ undo }) => undo.map(({ name }) => name))) : null
}

/**
 * The heads that are newer than a serial: by a look at all of them where that is quicker than reading the saves. Null when
 * they are more than `limit`, or not known.
 */
export function headsSince(tables: Tables, newest: SaveRow | null, serial: number, limit: number): Head[] | null {
  const { serial: now = 0, builds = 0 } = newest ?? {}
  if (serial > now) return null
  const scan = () => {
    const heads = tables.heads.since(serial, limit + 1)
    return heads.length > limit ? null : heads
  }
  if (builds <= (now - serial) * HEADS_PER_SAVE) return scan()
  const names = changedSince(tables, newest, serial)
  if (!names || names.size > limit) return null
  if (builds <= names.size * HEADS_PER_LOOKUP) return scan()
  return [...names].map((name) => tables.heads.get(name)).filter((head) => head !== null)
}
