/** The newest save, read again only when somebody else wrote since. */
import type { StatementSync } from 'node:sqlite'
import type { StateHead } from '../state-store.ts'
import type { Fences } from './fences.ts'
import type { SaveRow, StoredRow } from './saves.ts'
import type { Tables } from './tables.ts'

/** No data_version: read again. */
const NEVER = -1

export class NewestSave {
  readonly #tables: Tables
  readonly #fences: Fences
  /** Changes when another connection writes, not when this one does. */
  readonly #dataVersion: StatementSync
  /** As it was read, or as this connection wrote it. */
  #row: SaveRow | StoredRow | null = null
  #head: StateHead | null = null
  #seenVersion = NEVER

  constructor(tables: Tables, fences: Fences) {
    this.#tables = tables
    this.#fences = fences
    this.#dataVersion = tables.connection.prepare('PRAGMA data_version', { returnArrays: true })
  }

  row(): SaveRow | StoredRow | null {
    const version = this.#version()
    if (version !== this.#seenVersion) {
      this.#tables.meta.forgetFences()
      this.#row = this.#tables.saves.newest()
      this.#head = null
      this.#seenVersion = version
    }
    return this.#row
  }

  head(): StateHead {
    const row = this.row()
    return (this.#head ??= this.headOf(row))
  }

  headOf(row: SaveRow | null): StateHead {
    return {
      lineage: this.#tables.meta.lineage,
      serial: row?.serial ?? 0,
      buildCount: row?.builds ?? 0,
      fencingToken: this.#fences.highest(row),
    }
  }

  /** The head if it is known and still the newest. */
  known(): StateHead | null {
    return this.#head !== null && this.#version() === this.#seenVersion ? this.#head : null
  }

  /** Reads again the next time: what was read within a transaction that failed may never have been. */
  forget(): void {
    this.#seenVersion = NEVER
  }

  /** What `row` looked at, for `replace`. */
  get seenVersion(): number {
    return this.#seenVersion
  }

  /** Our own save follows the row that was read at `version`: as long as nobody else writes it is the newest one. */
  replace({ row, head, version }: { row: SaveRow | null; head: StateHead; version: number }): void {
    this.#row = row
    this.#head = head
    this.#seenVersion = version
  }

  #version(): number {
    const [version] = this.#dataVersion.get() as unknown as [number]
    return version
  }
}
