/**
 * Runs write transactions of one connection to a SQLite file that other processes write too. Operations that are
 * waiting share one transaction, so that they share its one wait for the disk. The event loop is never blocked by
 * another process: after a few quick tries the queue waits on a timer. (SQLite's own busy handler sleeps in the
 * calling thread.)
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError } from '../../base/index.ts'
import { isBusy } from './sqlite-errors.ts'

/** Another writer's transaction is mostly over within this time, ms: too short to hurt the event loop. */
const SPIN_MS = 0.5
const MAX_WAIT_MS = 8
/** Operations of one transaction: bounds what one commit holds back. */
const MAX_BATCH = 256

interface Operation {
  run: () => unknown
  resolve: (value: never) => void
  reject: (error: unknown) => void
}

export class WriteQueue {
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #connection: DatabaseSync
  readonly #isEager: boolean
  #waiting: Operation[] = []
  #isPumping = false

  /**
   * @param isEager Begins at once, without a turn of the event loop before or after in which more could be asked for.
   * Default false.
   */
  constructor(connection: DatabaseSync, { isEager = false } = {}) {
    this.#connection = connection
    this.#isEager = isEager
    this.#begin = connection.prepare('BEGIN IMMEDIATE')
    this.#commit = connection.prepare('COMMIT')
  }

  /**
   * Runs `operation` within a transaction and resolves when that is committed. Operations run in the order of the
   * calls, maybe more than once, when a commit finds the database busy. A call that throws a HoldfastError fails alone
   * and must have written nothing by then; any other error undoes the transaction and rejects all that shared it.
   * @param signal Ends the wait for the database. Has no effect once the operation has run.
   */
  run<T>(operation: () => T, signal?: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const waiting: Operation = { run: operation, resolve, reject }
    this.#waiting.push(waiting)
    if (!this.#isPumping) this.#startPumping()
    return signal ? this.#untilAborted(promise, waiting, signal) : promise
  }

  #startPumping(): void {
    this.#isPumping = true
    if (this.#isEager) void this.#pump()
    // Once round the event loop, so that all that is asked for in this turn shares the transaction.
    else setImmediate(() => void this.#pump())
  }

  async #untilAborted<T>(done: Promise<T>, operation: Operation, signal: AbortSignal): Promise<T> {
    const withdraw = () => {
      const index = this.#waiting.indexOf(operation)
      if (index < 0) return
      this.#waiting.splice(index, 1)
      operation.reject(signal.reason)
    }
    signal.addEventListener('abort', withdraw)
    try {
      return await done
    } finally {
      signal.removeEventListener('abort', withdraw)
    }
  }

  async #pump(): Promise<void> {
    for (let failures = 0; this.#waiting.length > 0;) {
      const batch = this.#waiting.slice(0, MAX_BATCH)
      let settle: (() => void)[] | null = null
      try {
        settle = this.#transact(batch)
      } catch (error) {
        settle = batch.map(
          ({ reject }) =>
            () =>
              reject(error),
        )
      }
      if (settle) {
        this.#waiting.splice(0, batch.length)
        failures = 0
        for (const tell of settle) tell()
        if (this.#isEager && this.#waiting.length === 0) break
        await nextTurn()
      } else {
        failures += 1
        await sleep(1 + Math.random() * Math.min(2 ** failures, MAX_WAIT_MS))
      }
    }
    this.#isPumping = false
  }

  /** @returns what to tell the callers, or null when another process has the database. */
  #transact(batch: Operation[]): (() => void)[] | null {
    if (!this.#tryToBegin()) return null
    try {
      const settle = batch.map(({ run, resolve, reject }) => {
        try {
          const value = run() as never
          return () => resolve(value)
        } catch (error) {
          if (!(error instanceof HoldfastError)) throw error
          return () => reject(error)
        }
      })
      this.#commit.run()
      return settle
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK')
      if (isBusy(error)) return null
      throw error
    }
  }

  #tryToBegin(): boolean {
    const deadline = performance.now() + SPIN_MS
    for (;;) {
      try {
        this.#begin.run()
        return true
      } catch (error) {
        if (!isBusy(error)) throw error
        if (performance.now() > deadline) return false
      }
    }
  }
}
