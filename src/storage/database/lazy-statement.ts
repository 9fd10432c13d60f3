/** A statement that is prepared when it is first used: who only reads does not pay for the statements that write. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

type Options = Parameters<DatabaseSync['prepare']>[1]

/** As node:sqlite's StatementSync, with the methods that are used here. */
export class LazyStatement {
  readonly #connection: DatabaseSync
  readonly #text: string
  readonly #options: Options
  #prepared: StatementSync | null = null

  /** @param options As those of `DatabaseSync.prepare`. */
  constructor(connection: DatabaseSync, text: string, options: Options = {}) {
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
    this.#prepared ??= this.#connection.prepare(this.#text, this.#options)
    return this.#prepared
  }
}
