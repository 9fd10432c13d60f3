/** Reads all of a state and compares it with its checksums, counts and digests. */
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { HoldfastError, messageOf } from '../../base/index.ts'
import { openSqliteFile } from '../../storage/index.ts'
import type { Damage } from '../state-store.ts'
import { translate } from './errors.ts'
import { digestOf } from './heads.ts'
import { tablesOf, type Tables } from './tables.ts'

/** Texts that are read between two turns of the event loop: some milliseconds of work. */
const PAGE = 500
/** More than this says nothing new. */
const MAX_DAMAGES = 1000

/**
 * Over a connection of its own, within one read transaction: what others save meanwhile would look like damage.
 * @returns what is damaged, in words for people. Does not throw for damage.
 */
export async function verifyFile(path: string): Promise<Damage[]> {
  let connection: DatabaseSync | null = null
  try {
    connection = await openSqliteFile(path, { durability: 'full', readOnly: true })
    connection.exec('BEGIN')
    return await new Verification(tablesOf(path, connection)).run()
  } catch (error) {
    const translated = translate(error, path)
    if (!(translated instanceof HoldfastError) || translated.code !== 'STATE_DAMAGED') throw translated
    return [{ what: 'file', problem: messageOf(error) }]
  } finally {
    connection?.close()
  }
}

class Verification {
  readonly #tables: Tables
  readonly #damages: Damage[] = []
  #texts = 0

  constructor(tables: Tables) {
    this.#tables = tables
  }

  async run(): Promise<Damage[]> {
    await this.#note('file', () => this.#checkFile())
    await this.#note('meta', () => this.#tables.meta.check())
    await this.#note('builds', () => this.#checkHeads())
    await this.#note('history', () => this.#checkHistory())
    return this.#damages
  }

  async #note(what: string, check: () => void | Promise<void>): Promise<void> {
    try {
      if (this.#damages.length < MAX_DAMAGES) await check()
    } catch (error) {
      this.#damages.push({ what, problem: messageOf(error) })
    }
  }

  async #checkText(what: string, read: () => unknown): Promise<void> {
    await this.#note(what, () => void read())
    this.#texts += 1
    if (this.#texts % PAGE === 0) await nextTurn()
  }

  #checkFile(): void {
    for (const row of this.#tables.connection.prepare('PRAGMA integrity_check(20)').all()) {
      const problem = String(row['integrity_check'])
      if (problem !== 'ok') this.#damages.push({ what: 'file', problem })
    }
  }

  async #checkHeads(): Promise<void> {
    const { heads, packs, saves } = this.#tables
    let count = 0
    let digest = 0
    for (let after = -1; ;) {
      const page = heads.scan(after, PAGE)
      for (const head of page) {
        count += 1
        digest ^= digestOf(head)
        await this.#checkText(`build ${head.name}`, () => JSON.parse(packs.read(head.name, head)))
      }
      after = page.at(-1)?.number ?? after
      if (page.length < PAGE) break
    }
    const newest = saves.newest()
    const expected = newest?.builds ?? 0
    if (count !== expected) throw new Error(`there are ${count}, there should be ${expected}`)
    if (digest >>> 0 !== (newest?.digest ?? 0)) {
      throw new Error('the index of builds does not match the newest save')
    }
  }

  async #checkHistory(): Promise<void> {
    const { saves, packs } = this.#tables
    let expected: number | null = null
    for (const { serial, undo } of saves.after(0)) {
      // A restore goes on above all serials that were seen, with a save that changes nothing.
      const mayLeap = undo.length === 0
      if (expected !== null && serial !== expected && !mayLeap) throw new Error(`save ${expected} is missing`)
      expected = serial + 1
      for (const { name, previous, now } of undo) {
        if (previous) {
          await this.#checkText(`build ${name} at serial ${previous.serial}`, () => packs.read(name, previous))
        }
        if (now) await this.#checkText(`build ${name} at serial ${serial}`, () => packs.read(name, now))
      }
    }
  }
}
