/** A statement that is prepared at its first use: readers never pay for write statements. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

interface LazyStatementOptions {
  /** Rows as arrays rather than objects. Default false. */
  returnArrays?: boolean
}

/** As node:sqlite's StatementSync, with the methods that are used here. */
export class LazyStatement {
  readonly #connection: DatabaseSync
  readonly #text: string
  readonly #options: LazyStatementOptions
  #prepared: StatementSync | null = null

  constructor(connection: DatabaseSync, text: string, options: LazyStatementOptions = {}) {
    this.#connection = connection
    this.#text = text
    this.#options = options
  }

  get(...values: SQLInputValue[]): ReturnType<StatementSync['get']> {
    return this.#statement.get(...values)
  }

  all(...values: SQLInputValue[]): ReturnType<StatementSync['all']> {
    return this.#statement.all(...values)
  }

  iterate(...values: SQLInputValue[]): ReturnType<StatementSync['iterate']> {
    return this.#statement.iterate(...values)
  }

  run(...values: SQLInputValue[]): ReturnType<StatementSync['run']> {
    return this.#statement.run(...values)
  }

  get #statement(): StatementSync {
    if (this.#prepared) return this.#prepared
    this.#prepared = this.#connection.prepare(this.#text)
    // The library runs on Node 22 too, which ignores the option of `prepare`.
    this.#prepared.setReturnArrays(this.#options.returnArrays ?? false)
    return this.#prepared
  }
}
