/** What changed since a serial. */
import type { StoredBuild } from '../state-store.ts'
import type { Head } from './heads.ts'
import { withUndo, type Save, type SaveRow, type StoredRow } from './saves.ts'
import { loadVersion, type Tables } from './tables.ts'

/** Saves that are read one by one, with what they wrote in them, rather than to look what is new among the heads. */
const FEW_SAVES = 4
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
 * The builds that were saved after a serial and are still there; null when they are more than `limit`, or not known.
 * Who follows the state closely has them from the rows of the newest saves alone.
 */
export function buildsSince(
  tables: Tables,
  newest: SaveRow | null,
  serial: number,
  limit: number,
): StoredBuild[] | null {
  const now = newest?.serial ?? 0
  if (serial > now) return null
  const saves = now - serial <= FEW_SAVES ? tables.saves.young(serial) : []
  const builds = saves.length === now - serial ? buildsInRows(tables, saves) : null
  if (builds) return builds.length > limit ? null : builds
  const heads = headsSince(tables, newest, serial, limit)
  return heads && heads.map((head) => loadVersion(tables, head))
}

/**
 * The same from the newest row alone, when that has all there is to know: whoever follows each save needs no other
 * table, so no transaction either.
 */
export function buildsOfNewest(
  tables: Tables,
  newest: SaveRow | StoredRow | null,
  serial: number,
): StoredBuild[] | null {
  if (newest?.serial !== serial + 1 || !('undo' in newest) || !newest.pack) return null
  return buildsInRows(tables, [withUndo(newest)])
}

/** Null when a save is too big to have all in its row. */
function buildsInRows(tables: Tables, saves: readonly Save[]): StoredBuild[] | null {
  const builds = new Map<string, StoredBuild | null>()
  for (const { serial, undo, pack } of saves) {
    if (pack) tables.packs.remember(serial, pack)
    for (const { name, now: place } of undo) {
      if (place === undefined) return null
      builds.set(name, place && loadVersion(tables, { name, serial, ...place }))
    }
  }
  return [...builds.values()].filter((build) => build !== null)
}

/**
 * The heads that are newer than a serial: by a look at all of them where that is quicker than reading the saves. Null
 * when they are more than `limit`, or not known.
 */
function headsSince(tables: Tables, newest: SaveRow | null, serial: number, limit: number): Head[] | null {
  const { serial: now = 0, builds = 0 } = newest ?? {}
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
