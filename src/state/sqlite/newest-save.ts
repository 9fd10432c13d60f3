/** The newest save, read again only when another process wrote since. */
import { LazyStatement } from '../../storage/index.ts'
import type { StateHead } from '../state-store.ts'
import type { SaveRow, StoredRow } from './saves.ts'
import type { Tables } from './tables.ts'

/** No data_version: read again. */
const NEVER = -1

interface Mark {
  version: number
  writes: number
}

export class NewestSave {
  readonly #tables: Tables
  /** Changes when another connection writes, not when this one does. */
  readonly #dataVersion: LazyStatement
  /** As it was read, or as this connection wrote it. */
  #row: SaveRow | StoredRow | null = null
  #head: StateHead | null = null
  #seenVersion = NEVER
  /** Transactions of ours that wrote: `data_version` does not show them. */
  #writes = 0

  constructor(tables: Tables) {
    this.#tables = tables
    this.#dataVersion = new LazyStatement(tables.connection, 'PRAGMA data_version', { returnArrays: true })
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
    return (this.#head ??= stateHead(this.#tables, row))
  }

  /** Runs what writes, within a transaction of ours. What it read is not believed later: it may be undone. */
  duringWrite<T>(operation: () => T): T {
    this.#writes += 1
    try {
      return operation()
    } finally {
      this.#seenVersion = NEVER
    }
  }

  /** Where we are within such a transaction, for `replace`. */
  mark(): Mark {
    return { version: this.#seenVersion, writes: this.#writes }
  }

  /**
   * Our own save follows the row that was read at the mark: as long as no other process writes, it is the newest one.
   * It may be told of only after another write of ours; then that is not so.
   */
  replace({ row, head, mark }: { row: SaveRow | null; head: StateHead; mark: Mark }): void {
    if (mark.writes !== this.#writes) return
    this.#row = row
    this.#head = head
    this.#seenVersion = mark.version
  }

  #version(): number {
    const [version] = this.#dataVersion.get() as unknown as [number]
    return version
  }
}

/** Where a state stands whose newest save is this one; null: it has none. */
export function stateHead({ meta }: Tables, newest: SaveRow | null): StateHead {
  return { lineage: meta.lineage, serial: newest?.serial ?? 0, buildCount: newest?.builds ?? 0 }
}
