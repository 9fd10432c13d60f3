/** Updates that wait for the next commit. Updates that wait together are committed together. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Lock } from '../lock/index.ts'
import { Alarm } from './alarm.ts'
import type { Draft } from './draft.ts'

/**
 * How long a process keeps the lock after a commit in case its callers have more to save: taking it again costs about
 * as much as a commit. Others that wait for it wait that much longer.
 */
const LINGER_MS = 2

/**
 * How long commits may follow one another without a turn of the event loop: to whoever saves again as soon as a save is
 * done such a turn is a good part of the time of a save.
 */
const HOLD_LOOP_MS = 2

/** Updates of one commit: bounds what one slow commit holds back. */
const MAX_BATCH = 256

/**
 * How many batches, and how long, a process may commit one after another before it looks whether others wait for the
 * lock, and lets go of it if so. Passing it to another process can take many times as long as a commit where there
 * are more processes than cores; without turns all would wait for that. The count is what makes turns equal; the time
 * bounds how long slow commits keep others waiting.
 */
const TURN_COMMITS = 16
const TURN_MS = 60

/** Turns in a row that may be lost, by force-unlock or a stopped process, before whoever waits is told. */
const MAX_LOST_TURNS = 3

export interface Update {
  apply(draft: Draft): unknown
  operation: string
  /** Whether builds may go from any status to any. */
  isFree: boolean
  /** A lock of the caller's that must still be its own, beside the state's. */
  guard: Lock | null
  /** When its wait for the lock shall end, on the clock of `performance.now`; Infinity: never. */
  deadlineMs: number
  /** Called at the deadline when it is still waiting: it was taken back. */
  expire(): void
  settle(outcome: { value: unknown; serial: number } | { error: unknown }): void
}

/** The right to commit, for a while. */
export interface Turn {
  /** Settles each update of the batch, or none and rejects. */
  commit(batch: readonly Update[]): Promise<void>
  /** Whether a commit failed because the turn was over before it was left. */
  isLost(error: unknown): boolean
  /** Whether another process waits for a turn. Never rejects. */
  isWanted(): Promise<boolean>
  /** Ends the turn. The next one may be asked for before this has resolved. Never rejects. */
  leave(): Promise<void>
}

export class UpdateQueue {
  readonly #enter: (signal: AbortSignal) => Promise<Turn>
  #waiting: Update[] = []
  #running: Promise<void> | null = null
  #entering = new AbortController()
  #turn: Promise<void> = Promise.resolve()
  #isAskedToLeave = false
  /** In a row. */
  #lostTurns = 0
  /** Ends the wait for more; null when there is no such wait. */
  #wake: (() => void) | null = null
  /**
   * Kept from turn to turn: a timer for each update, or for each commit, would be among the dearest parts of a save.
   */
  readonly #alarm = new Alarm(() => this.#expire())
  /** Deadlines count in a wait that can be long, for a lock or a commit, not while this process is merely busy. */
  #mayExpire = false

  /** @param enter Waits for the right to commit until the signal says that it is not needed any more. */
  constructor(enter: (signal: AbortSignal) => Promise<Turn>) {
    this.#enter = enter
  }

  push(update: Update): void {
    this.#waiting.push(update)
    this.#alarm.ringBy(update.deadlineMs)
    this.#wake?.()
    this.#running ??= this.#run()
  }

  /** Takes an update back. @returns false when it is being committed or over. */
  withdraw(update: Update): boolean {
    const index = this.#waiting.indexOf(update)
    if (index < 0) return false
    this.#waiting.splice(index, 1)
    if (this.#waiting.length === 0) this.#entering.abort()
    return true
  }

  /** Resolves when the present turn, if there is one, is over. */
  async turnOver(): Promise<void> {
    this.#isAskedToLeave = true
    this.#wake?.()
    await this.#turn
  }

  get isIdle(): boolean {
    return this.#running === null
  }

  /** Resolves when nothing is waiting or running. */
  async idle(): Promise<void> {
    while (this.#running) {
      this.#wake?.()
      await this.#running
    }
    await this.#turn
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn of the event loop shares the first commit too.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#takeTurn()
    this.#alarm.cancel()
    this.#running = null
  }

  async #takeTurn(): Promise<void> {
    this.#entering = new AbortController()
    let turn: Turn
    try {
      turn = await this.#watchDeadlines(this.#enter(this.#entering.signal))
    } catch (error) {
      // Given up for updates that were withdrawn; others may have come since.
      if (this.#entering.signal.aborted) return
      for (const update of this.#waiting.splice(0)) update.settle({ error })
      return
    }
    const over = Promise.withResolvers<void>()
    this.#turn = over.promise
    await this.#useTurn(turn)
    // The next turn may be asked for meanwhile: it stands in line behind the present waiters.
    void turn.leave().then(over.resolve)
  }

  /** Commits batch after batch until there is no more to commit or others wait for their turn. */
  async #useTurn(turn: Turn): Promise<void> {
    this.#isAskedToLeave = false
    let commits = 0
    let sinceMs = performance.now()
    let loopTurnMs = sinceMs
    do {
      const batch = this.#waiting.splice(0, MAX_BATCH)
      if (!(await this.#watchDeadlines(this.#commit(turn, batch)))) return
      commits += 1
      // Callers whose update is done may have the next one; a lone one has it by now.
      if (batch.length !== 1 || this.#waiting.length !== 1) await nextTick()
      const nowMs = performance.now()
      if (nowMs - loopTurnMs >= HOLD_LOOP_MS) {
        await nextTurn()
        loopTurnMs = performance.now()
      }
      if (commits >= TURN_COMMITS || nowMs - sinceMs >= TURN_MS) {
        if (await turn.isWanted()) return
        commits = 0
        sinceMs = nowMs
      }
      if (this.#waiting.length === 0 && !this.#isAskedToLeave) await this.#linger()
    } while (this.#waiting.length > 0 && !this.#isAskedToLeave)
  }

  /** @returns false when the turn was lost: its updates wait for the next one. */
  async #commit(turn: Turn, batch: readonly Update[]): Promise<boolean> {
    try {
      if (batch.length > 0) await turn.commit(batch)
      this.#lostTurns = 0
    } catch (error) {
      if (turn.isLost(error) && this.#lostTurns < MAX_LOST_TURNS) {
        this.#lostTurns += 1
        this.#waiting.unshift(...batch)
        for (const { deadlineMs } of batch) this.#alarm.ringBy(deadlineMs)
        return false
      }
      for (const update of batch) update.settle({ error })
    }
    return true
  }

  async #watchDeadlines<T>(wait: Promise<T>): Promise<T> {
    this.#mayExpire = true
    try {
      return await wait
    } finally {
      this.#mayExpire = false
    }
  }

  #expire(): void {
    const nowMs = performance.now()
    const overdue = this.#waiting.filter(({ deadlineMs }) => this.#mayExpire && deadlineMs <= nowMs)
    for (const update of overdue.toSorted((a, b) => a.deadlineMs - b.deadlineMs)) {
      this.withdraw(update)
      update.expire()
    }
    for (const { deadlineMs } of this.#waiting) this.#alarm.ringBy(deadlineMs)
  }

  async #linger(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const timer = setTimeout(resolve, LINGER_MS)
    await promise
    clearTimeout(timer)
    this.#wake = null
  }
}

/** Resolves when all that is to be done without a turn of the event loop is done. */
function nextTick(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve)
  })
}
