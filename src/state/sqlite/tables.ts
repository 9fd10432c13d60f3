/** The tables of a state's file, as one connection has them. */
import type { DatabaseSync } from 'node:sqlite'
import { StateDamagedError } from '../errors.ts'
import type { StoredBuild } from '../state-store.ts'
import { Heads } from './heads.ts'
import { Meta } from './meta.ts'
import { PackMoves } from './pack-moves.ts'
import { PackDamage, Packs, type Place } from './packs.ts'
import { SaveLog } from './saves.ts'

export interface Tables {
  /** Of the file. */
  path: string
  connection: DatabaseSync
  meta: Meta
  saves: SaveLog
  heads: Heads
  packs: Packs
  moves: PackMoves
}

export function tablesOf(path: string, connection: DatabaseSync): Tables {
  return {
    path,
    connection,
    meta: new Meta(connection),
    saves: new SaveLog(connection),
    heads: new Heads(connection),
    packs: new Packs(connection),
    moves: new PackMoves(connection),
  }
}

/** A version of a build, the newest or an earlier one, with its text. @throws STATE_DAMAGED. */
export function loadVersion({ path, packs }: Tables, version: Place & { name: string; serial: number }): StoredBuild {
  const { name, serial } = version
  try {
    return { name, serial, body: packs.read(name, version) }
  } catch (error) {
    if (!(error instanceof PackDamage)) throw error
    throw new StateDamagedError(path, `the build ${name}: ${error.message}`, { details: { build: name }, cause: error })
  }
}
