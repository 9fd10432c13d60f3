/** Drops the saves that are too many and packs what is left more tightly, in steps of some milliseconds. */
import type { Tables } from './tables.ts'

/** Small packs that are moved out of the rows of their saves in one step. */
const MAX_MOVE = 300
/** Versions of builds that are dropped in one step. */
const MAX_FORGET = 500

/** Time for steps of one transaction, ms: most are over sooner than the wait for the disk that follows. */
const TAKE_STEPS_MS = 3

/** Says whether there is more of its kind to do. */
export type CompactionStep = (tables: Tables, keepSerials: number) => boolean

export const COMPACTION: readonly CompactionStep[] = [moveOutOfSaves, forgetOldest, moveIntoBlock, giveBackPages]

/** Takes steps of one kind for a while, in a transaction of the caller's. @returns whether there is more to do. */
export function takeSteps(step: CompactionStep, tables: Tables, keepSerials: number): boolean {
  const endMs = performance.now() + TAKE_STEPS_MS
  while (step(tables, keepSerials)) if (performance.now() >= endMs) return true
  return false
}

function moveOutOfSaves(tables: Tables): boolean {
  const newest = tables.saves.newest()?.serial ?? 0
  return emptySaves(tables, newest, MAX_MOVE) < newest
}

/** @returns the save up to which no row has a pack any more. */
function emptySaves({ meta, moves }: Tables, last: number, limit: number): number {
  const before = meta.emptiedUpTo()
  if (last <= before) return before
  const emptied = moves.outOfSaves(before, last, limit)
  meta.setEmptiedUpTo(emptied)
  return emptied
}

/** Drops some of the saves that are too many, with what only they referred to. */
function forgetOldest(tables: Tables, keepSerials: number): boolean {
  const { saves, moves } = tables
  const lastToDrop = (saves.newest()?.serial ?? 0) - keepSerials
  // Another process may have saved since they were moved.
  emptySaves(tables, lastToDrop, Number.MAX_SAFE_INTEGER)
  const counts = new Map<number, number>()
  let entries = 0
  for (let oldest = saves.oldest(); oldest && oldest.serial <= lastToDrop; oldest = saves.oldest()) {
    if (entries >= MAX_FORGET) break
    for (const { previous } of oldest.undo) {
      if (previous) counts.set(previous.pack, (counts.get(previous.pack) ?? 0) + 1)
    }
    entries += oldest.undo.length + 1
    saves.delete(oldest.serial)
  }
  for (const [pack, count] of counts) moves.forget(pack, count)
  return entries >= MAX_FORGET
}

function moveIntoBlock({ meta, moves }: Tables): boolean {
  const last = moves.intoBlock(meta.movedUpTo(), meta.emptiedUpTo())
  if (last !== null) meta.setMovedUpTo(last)
  return last !== null
}

function giveBackPages({ connection }: Tables): boolean {
  connection.exec('PRAGMA incremental_vacuum(500)')
  return false
}
