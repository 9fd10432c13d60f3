/** Reads all of a state and compares it with its checksums, counts and digests. */
import { messageOf } from '../../base/index.ts'
import type { Damage } from '../state-store.ts'
import { digestOf } from './heads.ts'
import type { Tables } from './tables.ts'

const PAGE = 1000
/** More than this says nothing new. */
const MAX_DAMAGES = 1000

/** @returns what is damaged, in words for people. Never throws for damage. */
export function verifyTables(tables: Tables): Damage[] {
  const damages: Damage[] = []
  const note = (what: string, check: () => void) => {
    try {
      if (damages.length < MAX_DAMAGES) check()
    } catch (error) {
      damages.push({ what, problem: messageOf(error) })
    }
  }
  tables.packs.clearCache()
  note('file', () => {
    for (const row of tables.connection.prepare('PRAGMA integrity_check(20)').all()) {
      const problem = String(row.integrity_check)
      if (problem !== 'ok') damages.push({ what: 'file', problem })
    }
  })
  note('meta', () => tables.meta.check())
  note('builds', () => checkHeads(tables, note, damages))
  note('history', () => checkHistory(tables, note))
  return damages
}

type Note = (what: string, check: () => void) => void

function checkHeads({ heads, packs, saves }: Tables, note: Note, damages: Damage[]): void {
  let count = 0
  let digest = 0
  for (let after = -1; ;) {
    const page = heads.scan(after, PAGE)
    for (const head of page) {
      count += 1
      digest ^= digestOf(head)
      note(`build ${head.name}`, () => void JSON.parse(packs.read(head.name, head)))
    }
    after = page.at(-1)?.number ?? after
    if (page.length < PAGE) break
  }
  const newest = saves.newest()
  const expected = newest?.builds ?? 0
  if (count !== expected) damages.push({ what: 'builds', problem: `there are ${count}, there should be ${expected}` })
  else if (digest >>> 0 !== (newest?.digest ?? 0)) {
    damages.push({ what: 'builds', problem: 'the index of builds is not the one that the newest save left' })
  }
}

function checkHistory({ saves, packs }: Tables, note: Note): void {
  let expected: number | null = null
  for (const { serial, undo } of saves.after(0)) {
    // A restore goes on above all serials that were seen, with a save that changes nothing.
    const mayLeap = undo.length === 0
    if (expected !== null && serial !== expected && !mayLeap) throw new Error(`save ${expected} is missing`)
    expected = serial + 1
    for (const { name, previous, now } of undo) {
      if (previous) note(`build ${name} at serial ${previous.serial}`, () => void packs.read(name, previous))
      if (now) note(`build ${name} at serial ${serial}`, () => void packs.read(name, now))
    }
  }
}
