/** What the pages ask for and show, where it is not as the API has it (src/client/api-types.ts). */
import type * as api from '../client/api-types.ts'

/** The API's Go duration as ms; `null`: files stay forever. */
type WithLifetime<T extends { fileLifetime: string | null }> = Omit<T, 'fileLifetime'> & {
  fileLifetimeMs: number | null
}

export type GuestLink = WithLifetime<api.GuestLink>
export type GuestView = WithLifetime<api.GuestView>
export type TrashedGuestLink = WithLifetime<api.TrashedGuestLink>
export type TrashList = Omit<api.TrashList, 'guestLinks'> & { guestLinks: TrashedGuestLink[] }

export interface FileQuery {
  search: string
  sort: string
  order: 'asc' | 'desc'
  limit: number
  offset: number
}

export interface BuildQuery {
  /** Empty: of all. */
  state: string
  status: api.BuildStatus | ''
  after: string
}

/** News of a build's log. */
export interface LogNews {
  text: string
  /** It takes the place of all that came before. */
  isNew: boolean
  /** Something before it was left out. */
  isCut: boolean
}
