/** The server's HTTP API, one function a call. Each rejects with an ApiError. Uploads are in upload/transport.ts. */
import { ApiError, errorFromAnswer, unreachable } from './api-error.ts'
import { parseLifetime } from './expiry.ts'
import { basePath } from './place.ts'
import { noteServerTime } from './server-clock.ts'
import { Store } from './store.ts'
import type * as api from '../client/api-types.ts'
import type { BuildQuery, FileQuery, GuestLink, TrashList } from './views.ts'

/** Counts the answers that said "you are not logged in": the session listens, and asks for the passphrase again. */
export const refusals = new Store(0)

interface Call {
  body?: unknown
  signal?: AbortSignal
}

export const getSession = () => call<{ isOwner: boolean; hasStates: boolean }>('GET', '/session')
export const logOut = () => call('DELETE', '/auth')

export async function logIn(passphrase: string): Promise<void> {
  await send('POST', '/auth', { body: { sharedSecretKey: passphrase } })
}

export function listFiles(query: FileQuery, signal: AbortSignal) {
  const { search, sort, order, limit, offset } = query
  const parameters = new URLSearchParams({ search, sort, order, limit: `${limit}`, offset: `${offset}` })
  return call<api.FileList>('GET', `/files?${parameters.toString()}`, { signal })
}

export const getFile = (id: string, signal: AbortSignal) =>
  call<api.SharedFile>('GET', `/files/${part(id)}`, { signal })
export const listDownloads = (id: string, signal: AbortSignal) =>
  call<api.DownloadList>('GET', `/files/${part(id)}/downloads`, { signal })
export const changeFile = (id: string, change: api.FileChange) => call('PATCH', `/files/${part(id)}`, { body: change })
export const deleteFile = (id: string, { purge = false } = {}) =>
  call('DELETE', `/entry/${part(id)}${purge ? '?purge=true' : ''}`)
export async function listTrash(signal: AbortSignal): Promise<TrashList> {
  const { guestLinks, ...files } = await call<api.TrashList>('GET', '/trash', { signal })
  return { ...files, guestLinks: guestLinks.map(withLifetime) }
}

export const emptyTrash = () => call('DELETE', '/trash')
/** @param isForEver whether the file loses its expiry, which an expired file must. */
export const restoreFile = (id: string, isForEver: boolean) =>
  call('POST', `/trash/${part(id)}/restore`, { body: isForEver ? { expiration: null } : {} })

export async function listGuestLinks(signal: AbortSignal): Promise<GuestLink[]> {
  const { guestLinks } = await call<api.GuestLinkList>('GET', '/guest-links', { signal })
  return guestLinks.map(withLifetime)
}

export const createGuestLink = (link: api.NewGuestLink) => call<{ id: string }>('POST', '/guest-links', { body: link })
export const deleteGuestLink = (id: string, { purge = false } = {}) =>
  call('DELETE', `/guest-links/${part(id)}${purge ? '?purge=true' : ''}`)
export const restoreGuestLink = (id: string) => call('POST', `/trash/guest-links/${part(id)}/restore`)
export const enableGuestLink = (id: string) => call('PUT', `/guest-links/${part(id)}/enable`)
export const disableGuestLink = (id: string) => call('PUT', `/guest-links/${part(id)}/disable`)
export const getGuestView = async (id: string, signal: AbortSignal) =>
  withLifetime(await call<api.GuestView>('GET', `/guest/${part(id)}`, { signal }))

export function listBuilds(query: BuildQuery, signal: AbortSignal) {
  const given = Object.entries(query).filter(([, value]) => value !== '')
  return call<api.BuildList>('GET', `/builds?${new URLSearchParams(given).toString()}`, { signal })
}

export const getBuild = (state: string, name: string, signal: AbortSignal) =>
  call<api.Build>('GET', buildPath(state, name), { signal })
export const listBuildHistory = (state: string, name: string, signal: AbortSignal) =>
  call<api.BuildHistory>('GET', `${buildPath(state, name)}/history`, { signal })
export const buildLogUrl = (state: string, name: string) => `${basePath}/api${buildPath(state, name)}/log`
export const buildEventsUrl = (state: string, name: string) => `${basePath}/api${buildPath(state, name)}/events`

export const getSettings = (signal: AbortSignal) => call<api.Settings>('GET', '/settings', { signal })
export const saveSettings = (settings: api.Settings) => call('PUT', '/settings', { body: settings })
export const getSystem = (signal?: AbortSignal) => call<api.SystemInfo>('GET', '/system', signal ? { signal } : {})

export const listTokens = (signal: AbortSignal) => call<api.TokenList>('GET', '/tokens', { signal })
export const createToken = (token: api.NewToken) => call<api.CreatedToken>('POST', '/tokens', { body: token })
export const deleteToken = (id: string) => call('DELETE', `/tokens/${part(id)}`)
export const listSessions = (signal: AbortSignal) => call<api.SessionList>('GET', '/sessions', { signal })
export const endSession = (id: string) => call('DELETE', `/sessions/${part(id)}`)
export const endOtherSessions = () => call('DELETE', '/sessions')

function withLifetime<T extends { fileLifetime: string | null }>({ fileLifetime, ...rest }: T) {
  return { ...rest, fileLifetimeMs: parseLifetime(fileLifetime) }
}

const part = encodeURIComponent
const buildPath = (state: string, name: string) => `/builds/${part(state)}/${part(name)}`

async function call<T>(method: string, path: string, options: Call = {}): Promise<T> {
  try {
    const text = await send(method, path, options)
    // The caller types a call with an empty answer as void.
    return (text === '' ? undefined : JSON.parse(text)) as T
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) refusals.set(refusals.get() + 1)
    throw error
  }
}

async function send(method: string, path: string, { body, signal }: Call): Promise<string> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const init: RequestInit = { method, headers }
  if (body !== undefined) init.body = JSON.stringify(body)
  if (signal) init.signal = signal
  const response = await fetch(`${basePath}/api${path}`, init).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw unreachable()
  })
  noteServerTime(response.headers.get('date'))
  const text = await response.text()
  if (response.ok) return text
  throw errorFromAnswer({ status: response.status, body: text, retryAfter: response.headers.get('retry-after') })
}
