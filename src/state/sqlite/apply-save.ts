/** One save, written to the tables within a transaction of the caller's. */
import type { SaveRequest } from '../state-store.ts'
import { digestOf } from './heads.ts'
import type { SaveRow, Undo } from './saves.ts'
import type { Tables } from './tables.ts'

/**
 * @param before The newest save, which this one follows.
 * @param token The highest fencing token of the state's lock.
 * @returns the save's own row.
 */
export function applySave(tables: Tables, before: SaveRow | null, request: SaveRequest, token: number): SaveRow {
  const { heads, packs, saves } = tables
  const serial = (before?.serial ?? 0) + 1
  const undo: Undo[] = []
  let { builds = 0, digest = 0 } = before ?? {}
  const { places, small } = packs.write(serial, request.put)
  const isEmpty = builds === 0
  for (const [index, { name, status }] of request.put.entries()) {
    const place = places[index]
    if (!place) throw new Error('a build was not packed')
    const old = isEmpty ? null : heads.get(name)
    const head = { name, status, serial, ...place }
    if (old) {
      heads.update({ ...head, number: old.number })
      digest ^= digestOf(old)
    } else {
      heads.insert(head)
      builds += 1
    }
    digest ^= digestOf(head)
    undo.push(small ? { name, previous: old, now: place } : { name, previous: old })
  }
  for (const name of request.remove) {
    const old = heads.get(name)
    if (!old) continue
    heads.delete(old)
    builds -= 1
    digest ^= digestOf(old)
    undo.push({ name, previous: old, now: null })
  }
  const { id, at, who, operation } = request
  const row = { serial, id, at, who, operation, token, builds, digest: digest >>> 0 }
  saves.append(row, undo, small)
  return row
}
