/** Guest links: addresses under which people without a login may upload, each with limits of its own. */
import type { Kysely, Selectable } from 'kysely'
import { randomId, type Clock } from '../base/index.ts'
import type { Database } from '../storage/index.ts'
import { countUploads } from './files.ts'
import type { GuestLinksTable, ShareTables } from './tables.ts'
import type { Uptime } from './uptime.ts'
import { ShareError } from './errors.ts'

export const GUEST_LINK_ID_LENGTH = 16

/** A guest link with the number of files that exist now and came through it. */
export type GuestLink = Selectable<GuestLinksTable> & { uploads: number }

export type NewGuestLink = Omit<
  Selectable<GuestLinksTable>,
  'id' | 'created_at' | 'is_disabled' | 'deleted_at' | 'hidden_since'
>

export interface DeletedGuestLink extends GuestLink {
  /** Milliseconds since 1970. */
  deleted_at: number
  purgeInMs: number
}

export interface GuestLinksDependencies {
  database: Database
  clock: Clock
  uptime: Uptime
  /** How long a deleted link can be brought back, ms of uptime. */
  keepMs: number
}

export class GuestLinks {
  readonly #deps: GuestLinksDependencies
  readonly #db: Kysely<ShareTables>

  constructor(deps: GuestLinksDependencies) {
    this.#deps = deps
    this.#db = deps.database.tables<ShareTables>()
  }

  /** Newest first, without the deleted ones. */
  async list(): Promise<GuestLink[]> {
    return await this.#withUploads().where('deleted_at', 'is', null).orderBy('created_at', 'desc').execute()
  }

  /** The link, or null when there is none or it was deleted. */
  async find(id: string): Promise<GuestLink | null> {
    const link = await this.#withUploads().where('id', '=', id).where('deleted_at', 'is', null).executeTakeFirst()
    return link ?? null
  }

  async add(link: NewGuestLink): Promise<string> {
    const id = randomId(GUEST_LINK_ID_LENGTH)
    await this.#db
      .insertInto('guest_links')
      .values({ ...link, id, created_at: this.#deps.clock.now() })
      .execute()
    return id
  }

  /**
   * Hides the link until it is restored or its time in the trash is over; its files stay, its unfinished uploads are
   * given up. Absent, or hidden already, is not an error.
   */
  async remove(id: string): Promise<void> {
    const hidden = { deleted_at: this.#deps.clock.now(), hidden_since: await this.#deps.uptime.now() }
    await this.#db.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('guest_links')
        .set(hidden)
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .execute()
      // Their bytes would take space that the trash must not cost anybody.
      await transaction
        .deleteFrom('resumable_uploads')
        .where('guest_link_id', '=', id)
        .where('file_id', 'is', null)
        .execute()
    })
  }

  /** Removes the link for good, deleted before or not; its files stay. Absent is not an error. */
  async purge(id: string): Promise<void> {
    await this.#db.deleteFrom('guest_links').where('id', '=', id).execute()
  }

  /** @returns false when no deleted link has this id. */
  async restore(id: string): Promise<boolean> {
    const result = await this.#db
      .updateTable('guest_links')
      .set({ deleted_at: null, hidden_since: null })
      .where('id', '=', id)
      .where('deleted_at', 'is not', null)
      .executeTakeFirst()
    return result.numUpdatedRows > 0n
  }

  /** The links that can be restored; the last deleted comes first. */
  async listDeleted(): Promise<DeletedGuestLink[]> {
    const rows = await this.#withUploads()
      .where('deleted_at', 'is not', null)
      .$narrowType<{ deleted_at: number }>()
      .orderBy('hidden_since', 'desc')
      .orderBy('id')
      .execute()
    const uptime = await this.#deps.uptime.now()
    return rows.map((row) =>
      Object.assign(row, { purgeInMs: Math.max(0, (row.hidden_since ?? uptime) + this.#deps.keepMs - uptime) }),
    )
  }

  /** Removes the deleted links for good. */
  async purgeDeleted(): Promise<void> {
    await this.#db.deleteFrom('guest_links').where('deleted_at', 'is not', null).execute()
  }

  /** Removes the links whose time in the trash is over. @returns their number. */
  async removeOverdue(): Promise<number> {
    const before = (await this.#deps.uptime.now()) - this.#deps.keepMs
    const overdue = this.#db.deleteFrom('guest_links').where('hidden_since', '<=', before)
    return Number((await overdue.executeTakeFirst()).numDeletedRows)
  }

  /** @returns false when there is no such link. */
  async setDisabled(id: string, isDisabled: boolean): Promise<boolean> {
    const change = { is_disabled: isDisabled ? 1 : 0 }
    const result = await this.#db
      .updateTable('guest_links')
      .set(change)
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .executeTakeFirst()
    return result.numUpdatedRows > 0n
  }

  isActive(link: GuestLink): boolean {
    return this.#inactiveBecause(link) === null
  }

  /** @throws GUEST_LINK_INACTIVE with the reason. */
  requireActive(link: GuestLink): void {
    const reason = this.#inactiveBecause(link)
    if (reason) throw new ShareError('GUEST_LINK_INACTIVE', `the guest link ${reason}`)
  }

  #inactiveBecause(link: GuestLink): string | null {
    if (link.is_disabled) return 'is disabled'
    if (link.url_expires_at !== null && link.url_expires_at <= this.#deps.clock.now()) return 'has expired'
    if (link.max_file_uploads !== null && link.uploads >= link.max_file_uploads) return 'is used up'
    return null
  }

  #withUploads() {
    return this.#db.selectFrom('guest_links').selectAll().select(countUploads().as('uploads'))
  }
}
