/**
 * What one download is: a file, a client, a window, whatever bytes are asked for. Players, resumers and parallel
 * downloaders ask often and download once. See docs/decisions/0041.
 */
import { sql, type Kysely } from 'kysely'
import { HoldfastError, messageOf, type Clock, type Log } from '../base/index.ts'
import type { ByteRange, Database } from '../storage/index.ts'
import { covers, mergeRange } from './ranges.ts'
import type { ShareTables } from './tables.ts'
import { ShareError } from './errors.ts'

/** So long a client may go on with a download that it began. */
const WINDOW_MS = 24 * 3_600_000
/** So long a client that has had the whole file may still ask for parts of it: players seek. */
const SEEKING_MS = 10 * 60_000
/** A transfer without a byte for so long is taken for dead: its client comes back. */
const STALLED_MS = 5000
/** So much may be on its way between two sockets, Linux's largest buffers on both sides. */
const IN_FLIGHT_BYTES = 10_485_760
/** A download takes at most so many times the bytes of its file, and some for small ones. */
const MAX_REPEATS = 5
const SMALL_BYTES = 1_048_576
const DISK_CODES = ['NO_SPACE', 'DATA_FOLDER_UNUSABLE']
const MAX_CLIENTS = 10_000
/** Of one client for one file: a client that downloads it often continues one of its last downloads. */
const MAX_GRANTS = 16
const MAX_USER_AGENT_LENGTH = 500

export interface DownloadRequest {
  fileId: string
  sizeBytes: number
  /** Whether the file has a limit: then a restart of the server must not forget its recipients. */
  isLimited: boolean
  clientIp: string
  userAgent: string
  /** Whether it asks for a part of the file. */
  isPart: boolean
}

/** One download as it is counted: what a client has had of a file. */
interface Grant {
  id: string | null
  userAgent: string
  beganAt: number
  /** When the client had the whole file, or null. */
  wholeAt: number | null
  sentBytes: number
  covered: ByteRange[]
  /** Transfers that run, and when the last of them moved. */
  active: number
  movedAt: number
}

interface Client {
  grants: Grant[] | null
  /** Ends when the decision before this one has been taken. */
  turn: Promise<unknown>
}

/** A transfer that may run. */
export interface Transfer {
  /** Notes bytes that the socket has taken. */
  sent(range: ByteRange): void
  /**
   * To be called when the transfer ends. @param isCut whether the client went away: bytes on their way may be lost.
   */
  end(isCut: boolean): Promise<void>
  /** To be called when the connection is reset after the end: what the client had not read is lost. */
  lost(): Promise<void>
}

export class Downloads {
  readonly #db: Kysely<ShareTables>
  readonly #clock: Clock
  readonly #log: Log
  /** By file and address, the least recent first. */
  readonly #clients = new Map<string, Client>()

  constructor(database: Database, clock: Clock, log: Log) {
    this.#db = database.tables<ShareTables>()
    this.#clock = clock
    this.#log = log
  }

  /**
   * Lets a transfer begin, and counts and logs a download unless the client goes on with its own.
   * @throws DOWNLOADS_USED_UP when it is a new download and the file's limit is reached.
   */
  async begin(request: DownloadRequest): Promise<Transfer> {
    const client = this.#client(request)
    const decision = client.turn.then(async () => {
      client.grants ??= request.isLimited ? await this.#load(request) : []
      const now = this.#clock.now()
      const known = client.grants.find((grant) => continues(grant, request, now))
      if (known) return known
      const grant = await this.#count(request, now)
      client.grants = [grant, ...remembered(client.grants, now)]
      return grant
    })
    client.turn = decision.catch(() => {})
    return this.#transfer(await decision, request)
  }

  /** @throws DOWNLOADS_USED_UP when {@link begin} would. Counts nothing. */
  async check(request: DownloadRequest, limit: { downloads: number; max: number | null }): Promise<void> {
    if (limit.max === null || limit.downloads < limit.max) return
    const client = this.#clients.get(keyOf(request))
    // A running decision may be about to use up the limit for this client.
    await client?.turn
    const grants = client?.grants ?? (await this.#load(request))
    if (!grants.some((grant) => continues(grant, request, this.#clock.now()))) throw usedUp()
  }

  #client(request: DownloadRequest): Client {
    const key = keyOf(request)
    const client = this.#clients.get(key) ?? { grants: null, turn: Promise.resolve() }
    this.#clients.delete(key)
    this.#clients.set(key, client)
    const [oldest] = this.#clients
    if (this.#clients.size > MAX_CLIENTS && oldest) this.#clients.delete(oldest[0])
    return client
  }

  #transfer(grant: Grant, { sizeBytes }: DownloadRequest): Transfer {
    grant.active += 1
    grant.movedAt = this.#clock.now()
    const before = grant.covered
    let ranges: ByteRange[] = []
    let isCompleting = false
    const save = async () => grant.id !== null && this.#save(grant)
    return {
      sent: (range) => {
        grant.movedAt = this.#clock.now()
        grant.sentBytes += range.end - range.start
        ranges = mergeRange(ranges, range)
      },
      end: async (isCut) => {
        grant.active -= 1
        const arrived = isCut ? ranges.map(withoutInFlight).filter(({ start, end }) => end > start) : ranges
        for (const range of arrived) grant.covered = mergeRange(grant.covered, range)
        isCompleting = grant.wholeAt === null && covers(grant.covered, sizeBytes)
        if (isCompleting) grant.wholeAt = this.#clock.now()
        await save()
      },
      lost: async () => {
        if (!isCompleting) return
        grant.covered = before
        grant.wholeAt = null
        await save()
      },
    }
  }

  async #count(request: DownloadRequest, now: number): Promise<Grant> {
    const id = request.isLimited ? crypto.randomUUID() : null
    const userAgent = request.userAgent.slice(0, MAX_USER_AGENT_LENGTH)
    try {
      await this.#write({ ...request, userAgent }, id, now)
    } catch (error) {
      const isForLackOfDisk = error instanceof HoldfastError && DISK_CODES.includes(error.code)
      if (!isForLackOfDisk) throw error
      // A limit must hold, and the ballast is given up by now; a line in the log is not worth a download.
      if (request.isLimited) await this.#write({ ...request, userAgent }, id, now)
    }
    return { id, userAgent, beganAt: now, wholeAt: null, sentBytes: 0, covered: [], active: 0, movedAt: now }
  }

  async #write(request: DownloadRequest, id: string | null, now: number): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const counted = await transaction
        .updateTable('files')
        .set({ download_count: sql`download_count + 1` })
        .where('id', '=', request.fileId)
        .where((where) => where.or([where('max_downloads', 'is', null), sql<boolean>`download_count < max_downloads`]))
        .executeTakeFirst()
      if (counted.numUpdatedRows === 0n) throw usedUp()
      const { fileId: file_id, clientIp: client_ip, userAgent: user_agent } = request
      await transaction.insertInto('downloads').values({ file_id, at: now, client_ip, user_agent }).execute()
      if (id === null) return
      const grant = { id, file_id, client_ip, user_agent, began_at: now, sent_bytes: 0, covered: '[]' }
      await transaction
        .insertInto('download_grants')
        .values({ ...grant, whole_at: null })
        .execute()
    })
  }

  async #load({ fileId, clientIp }: DownloadRequest): Promise<Grant[]> {
    const rows = await this.#db
      .selectFrom('download_grants')
      .selectAll()
      .where('file_id', '=', fileId)
      .where('client_ip', '=', clientIp)
      .where('began_at', '>', this.#clock.now() - WINDOW_MS)
      .orderBy('began_at', 'desc')
      .limit(MAX_GRANTS)
      .execute()
    return rows.map((row) => ({
      id: row.id,
      userAgent: row.user_agent,
      beganAt: row.began_at,
      wholeAt: row.whole_at,
      sentBytes: row.sent_bytes,
      covered: JSON.parse(row.covered) as ByteRange[],
      active: 0,
      movedAt: row.began_at,
    }))
  }

  /** A courtesy to a client that comes back after a restart: on a full disk it must not fail the transfer. */
  async #save({ id, sentBytes, covered, wholeAt }: Grant): Promise<void> {
    const change = { sent_bytes: sentBytes, covered: JSON.stringify(covered), whole_at: wholeAt }
    try {
      await this.#db.updateTable('download_grants').set(change).where('id', '=', id).execute()
    } catch (error) {
      this.#log.warn({ reason: messageOf(error) }, 'what a client has had of a file was not noted')
    }
  }
}

/** Running grants, and the newest of the finished. @param grants the newest first. */
function remembered(grants: readonly Grant[], now: number): Grant[] {
  let resting = 0
  return grants.filter(({ beganAt, active }) => {
    if (active > 0) return true
    resting += 1
    return resting < MAX_GRANTS && now - beganAt < WINDOW_MS
  })
}

/**
 * Whether a request belongs to a download that the same address began. A part does, whatever program asks: players have
 * names of their own. A request for the whole file starts a download again that was cut; one beside a transfer that
 * runs, or after the whole file has come, is another person's.
 */
function continues(grant: Grant, { isPart, userAgent, sizeBytes }: DownloadRequest, now: number): boolean {
  const isOver = now - grant.beganAt >= WINDOW_MS || grant.sentBytes > MAX_REPEATS * sizeBytes + SMALL_BYTES
  if (isOver) return false
  if (isPart) return grant.wholeAt === null || now - grant.wholeAt < SEEKING_MS
  const isRunning = grant.active > 0 && now - grant.movedAt < STALLED_MS
  return grant.wholeAt === null && !isRunning && grant.userAgent === userAgent.slice(0, MAX_USER_AGENT_LENGTH)
}

function withoutInFlight({ start, end }: ByteRange): ByteRange {
  return { start, end: end - IN_FLIGHT_BYTES }
}

function keyOf({ fileId, clientIp }: DownloadRequest): string {
  return `${fileId} ${clientIp}`
}

function usedUp(): HoldfastError {
  return new ShareError('DOWNLOADS_USED_UP', 'this file has been downloaded as often as its owner allows')
}
