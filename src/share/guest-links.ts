/** Guest links: addresses under which people without a login may upload, each with limits of its own. */
import type { Kysely, Selectable } from 'kysely'
import { HoldfastError, randomId, type Clock } from '../base/index.ts'
import type { Database } from '../storage/index.ts'
import { countUploads } from './files.ts'
import type { GuestLinksTable, ShareTables } from './tables.ts'

export const GUEST_LINK_ID_LENGTH = 16

/** A guest link with the number of files that exist now and came through it. */
export type GuestLink = Selectable<GuestLinksTable> & { uploads: number }

export type NewGuestLink = Omit<Selectable<GuestLinksTable>, 'id' | 'created_at' | 'is_disabled'>

export class GuestLinks {
  readonly #db: Kysely<ShareTables>
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#db = database.tables<ShareTables>()
    this.#clock = clock
  }

  /** Newest first. */
  async list(): Promise<GuestLink[]> {
    return await this.#withUploads().orderBy('created_at', 'desc').execute()
  }

  async find(id: string): Promise<GuestLink | null> {
    return (await this.#withUploads().where('id', '=', id).executeTakeFirst()) ?? null
  }

  async add(link: NewGuestLink): Promise<string> {
    const id = randomId(GUEST_LINK_ID_LENGTH)
    await this.#db
      .insertInto('guest_links')
      .values({ ...link, id, created_at: this.#clock.now() })
      .execute()
    return id
  }

  /** Removes the link; its files stay. Absent is no error. */
  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom('guest_links').where('id', '=', id).execute()
  }

  /** @returns false when there is no such link. */
  async setDisabled(id: string, isDisabled: boolean): Promise<boolean> {
    const change = { is_disabled: isDisabled ? 1 : 0 }
    const result = await this.#db.updateTable('guest_links').set(change).where('id', '=', id).executeTakeFirst()
    return result.numUpdatedRows > 0n
  }

  isActive(link: GuestLink): boolean {
    return this.#inactiveBecause(link) === null
  }

  /** @throws GUEST_LINK_INACTIVE with the reason. */
  requireActive(link: GuestLink): void {
    const reason = this.#inactiveBecause(link)
    if (reason) throw new HoldfastError('GUEST_LINK_INACTIVE', `the guest link ${reason}`)
  }

  #inactiveBecause(link: GuestLink): string | null {
    if (link.is_disabled) return 'is disabled'
    if (link.url_expires_at !== null && link.url_expires_at <= this.#clock.now()) return 'has expired'
    if (link.max_file_uploads !== null && link.uploads >= link.max_file_uploads) return 'is used up'
    return null
  }

  #withUploads() {
    return this.#db.selectFrom('guest_links').selectAll().select(countUploads().as('uploads'))
  }
}
