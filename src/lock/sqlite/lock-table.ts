/**
 * The tables of locks.db and what can be done to them within one transaction. A row in `locks` is a held lock, a row in
 * `waiters` a place in line; a lock that is let go passes to the first in line at once, so that no process can push in.
 */
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { LazyStatement, rowOf } from '../../storage/index.ts'
import { isSelf, liveness, SELF, type ProcessIdentity } from '../../base/index.ts'
import type { LockInfo, LockStatus } from '../lock-info.ts'
import type { LockRequest } from '../lock-store.ts'
import { LockError } from '../errors.ts'

/** A lock's row stays when it is free, so that taking and releasing one writes a single page. */
export const SCHEMA = `
  CREATE TABLE locks (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token INTEGER NOT NULL, record TEXT, deadline REAL NOT NULL,
    expires INTEGER NOT NULL, abandoned TEXT, checksum INTEGER NOT NULL);
  CREATE TABLE waiters (
    lock INTEGER NOT NULL, ticket INTEGER NOT NULL, record TEXT NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (lock, ticket)) WITHOUT ROWID;`

/** A damaged record's token may have been anything: the next one is this much above all that are known. */
const TOKEN_LEAP = 1_000_000

/** How long a waiter that was given the lock has to show that it noticed (by renewing), ms. */
const NOTICE_MS = 3000

/** What a request leaves in the table, as JSON: the same text while it waits and while it holds. */
export interface Claim {
  info: LockRequest['info']
  ttlMs: number
  tokenAbove: number
  isDetached: boolean
  owner: ProcessIdentity
}

/** A lock's row, checked and parsed. */
export interface LockEntry {
  number: number
  name: string
  /** The last fencing token that was given. */
  token: number
  claim: Claim | null
  /** When the lock ends, ms of the machine's monotonic clock, which every process of one boot shares. */
  deadline: number
  expires: number
  /** LockInfo of the previous holder as JSON, if that one never released it. */
  abandoned: string | null
}

/** What stands in the table under a name, damaged or not. */
export interface Found {
  name: string
  number: number
  entry: LockEntry | null
  /** The id that frees it when it is damaged. */
  damagedId(): string
}

export type HeldEntry = LockEntry & { claim: Claim }

export interface Clocks {
  wallMs(): number
  monotonicMs(): number
}

interface LockRow {
  number: number
  name: string
  token: number
  record: string | null
  deadline: number
  expires: number
  abandoned: string | null
  checksum: number
}

interface WaiterRow {
  ticket: number
  record: string
  checksum: number
}

export class LockTable {
  readonly #clocks: Clocks
  readonly #read: LazyStatement
  readonly #list: LazyStatement
  readonly #insert: LazyStatement
  readonly #update: LazyStatement
  readonly #highestToken: LazyStatement
  readonly #enqueue: LazyStatement
  readonly #first: LazyStatement
  readonly #line: LazyStatement
  readonly #leave: LazyStatement

  constructor(connection: DatabaseSync, clocks: Clocks) {
    this.#clocks = clocks
    this.#read = new LazyStatement(connection, 'SELECT * FROM locks WHERE name = ?')
    this.#list = new LazyStatement(connection, 'SELECT * FROM locks WHERE record IS NOT NULL ORDER BY name')
    this.#insert = new LazyStatement(connection, 'INSERT INTO locks VALUES (NULL, ?, 0, NULL, 0, 0, NULL, ?)')
    this.#update = new LazyStatement(
      connection,
      'UPDATE locks SET token = ?, record = ?, deadline = ?, expires = ?, abandoned = ?, checksum = ? WHERE number = ?',
    )
    this.#highestToken = new LazyStatement(
      connection,
      "SELECT max(token) AS token FROM locks WHERE typeof(token) = 'integer'",
    )
    this.#enqueue = new LazyStatement(
      connection,
      'INSERT INTO waiters SELECT ?1, coalesce(max(ticket), 0) + 1, ?2, ?3 FROM waiters WHERE lock = ?1 RETURNING ticket',
    )
    this.#first = new LazyStatement(connection, 'SELECT * FROM waiters WHERE lock = ? ORDER BY ticket LIMIT 1')
    this.#line = new LazyStatement(
      connection,
      'SELECT ticket, record, checksum FROM waiters WHERE lock = ? ORDER BY ticket',
    )
    this.#leave = new LazyStatement(connection, 'DELETE FROM waiters WHERE lock = ? AND ticket = ?')
  }

  /** The lock's entry, or null when it was never asked for. @throws LOCK_DAMAGED; IndexDamage. */
  read(name: string): LockEntry | null {
    const row = this.#find(name)
    if (!row) return null
    const entry = parseRow(row)
    if (entry) return entry
    throw new LockError('LOCK_DAMAGED', `the record of the lock ${name} is damaged: its holder is unknown`, {
      hint: `Make sure that no process works under it, then: holdfast lock force-unlock ${name} ${damagedId(row)}`,
    })
  }

  /** As `read`, making the entry when there is none. */
  entry(name: string): LockEntry {
    const existing = this.read(name)
    if (existing) return existing
    const fresh = { name, token: 0, record: null, deadline: 0, expires: 0, abandoned: null }
    const number = Number(this.#insert.run(name, checksumOf(fresh)).lastInsertRowid)
    return { ...fresh, number, claim: null }
  }

  /** Held locks, or one lock whether held or not: each with its entry, or the id that frees it when it is damaged. */
  inspect(name?: string): Found[] {
    const rows = name === undefined ? (this.#list.all() as unknown as LockRow[]) : [this.#find(name)]
    return rows.flatMap((row) => {
      if (!row) return []
      return { name: row.name, number: row.number, entry: parseRow(row), damagedId: () => damagedId(row) }
    })
  }

  /** The waiters, the next one first. Damaged places are left out. */
  line(lock: number): { ticket: number; claim: Claim }[] {
    const rows = this.#line.all(lock) as unknown as WaiterRow[]
    return rows.flatMap((row) => {
      const claim = parseWaiter(row)
      return claim ? [{ ticket: row.ticket, claim }] : []
    })
  }

  /** Puts a claim at the end of the line. @returns its ticket. */
  enqueue(lock: number, claim: Claim): number {
    const record = JSON.stringify(claim)
    return (this.#enqueue.get(lock, record, crc32(record)) as { ticket: number }).ticket
  }

  /** Leaves the line. @returns whether the id stood in it. */
  leave(lock: number, id: string): boolean {
    const place = this.line(lock).find(({ claim }) => claim.info.id === id)
    return place !== undefined && this.#leave.run(lock, place.ticket).changes > 0
  }

  /** Gives the lock to this claim, under a new fencing token. */
  grant(entry: LockEntry, claim: Claim): HeldEntry {
    const lastsMs = isSelf(claim.owner) ? claim.ttlMs : Math.min(claim.ttlMs, NOTICE_MS)
    const granted: HeldEntry = {
      ...entry,
      claim,
      token: Math.max(entry.token, claim.tokenAbove) + 1,
      deadline: this.#clocks.monotonicMs() + lastsMs,
      expires: this.#clocks.wallMs() + lastsMs,
      abandoned: entry.claim ? JSON.stringify(infoOf(entry as HeldEntry)) : null,
    }
    this.#write(granted)
    return granted
  }

  /** Gives the lock to the first in line who lives. @returns null, with nothing changed, when there is none. */
  passOn(entry: LockEntry): HeldEntry | null {
    for (;;) {
      const row = this.#first.get(entry.number) as WaiterRow | undefined
      if (!row) return null
      this.#leave.run(entry.number, row.ticket)
      const claim = parseWaiter(row)
      // A damaged place in line is dropped: its owner sees that it is gone and stands in line again.
      if (claim && liveness(claim.owner) !== 'dead') return this.grant(entry, claim)
    }
  }

  /**
   * Ends a holder's time, with or without its consent. The next holder is `heir`, if that one still stands in line,
   * else the first in line. @returns the next holder, null when the lock is free now.
   */
  release(entry: LockEntry, heir?: { ticket: number; claim: Claim }): HeldEntry | null {
    const released = { ...entry, claim: null }
    const isThere = heir !== undefined && this.#leave.run(entry.number, heir.ticket).changes > 0
    const next = isThere ? this.grant(released, heir.claim) : this.passOn(released)
    if (!next) this.#write(released)
    return next
  }

  /** Frees a lock whose record is damaged. */
  reset(name: string, number: number): HeldEntry | null {
    const highest = (this.#highestToken.get() as { token: number | null }).token ?? 0
    const token = Math.min(Math.max(highest, 0), Number.MAX_SAFE_INTEGER / 2) + TOKEN_LEAP
    return this.release({ number, name, token, claim: null, deadline: 0, expires: 0, abandoned: null })
  }

  extend(entry: HeldEntry, ttlMs: number): void {
    const deadline = this.#clocks.monotonicMs() + ttlMs
    this.#write({ ...entry, deadline, expires: this.#clocks.wallMs() + ttlMs })
  }

  status(entry: HeldEntry): Exclude<LockStatus, 'damaged'> {
    const { owner, isDetached, ttlMs } = entry.claim
    if (!isDetached && liveness(owner) === 'dead') return 'abandoned'
    const isOfThisBoot = owner.boot === SELF.boot
    const leftMs = isOfThisBoot ? entry.deadline - this.#clocks.monotonicMs() : entry.expires - this.#clocks.wallMs()
    // More time left than it ever had: the clock that it was counted by has started anew.
    return leftMs <= 0 || leftMs > ttlMs + NOTICE_MS ? 'expired' : 'held'
  }

  #find(name: string): LockRow | null {
    return rowOf('lock', name, this.#read.get(name) as LockRow | undefined)
  }

  #write(entry: LockEntry): void {
    const { number, name, token, claim, deadline, expires, abandoned } = entry
    const record = claim ? JSON.stringify(claim) : null
    const checksum = checksumOf({ name, token, record, deadline, expires, abandoned })
    this.#update.run(token, record, deadline, expires, abandoned, checksum, number)
  }
}

export function isHeld(entry: LockEntry | null): entry is HeldEntry {
  return entry?.claim != null
}

export function infoOf(entry: HeldEntry): LockInfo {
  return { ...entry.claim.info, expires: new Date(entry.expires).toISOString(), fencingToken: entry.token }
}

function checksumOf(row: Omit<LockRow, 'checksum' | 'number'>): number {
  return crc32([row.name, row.token, row.deadline, row.expires, row.abandoned ?? '', row.record ?? ''].join('\n'))
}

function damagedId(row: LockRow): string {
  return `damaged-${crc32(JSON.stringify(row)).toString(16).padStart(8, '0')}`
}

function parseRow(row: LockRow): LockEntry | null {
  if (checksumOf(row) !== row.checksum) return null
  const { number, name, token, record, deadline, expires, abandoned } = row
  return { number, name, token, claim: record ? (JSON.parse(record) as Claim) : null, deadline, expires, abandoned }
}

function parseWaiter(row: WaiterRow): Claim | null {
  return crc32(row.record) === row.checksum ? (JSON.parse(row.record) as Claim) : null
}
