/** Sends files with XMLHttpRequest: fetch cannot tell how much of a body is on its way. */
import { refusals } from '../api.ts'
import { ApiError, errorFromAnswer, unreachable } from '../api-error.ts'
import { basePath } from '../place.ts'
import type { SharedFile } from '../../client/api-types.ts'
import type { Job, Send } from './queue.ts'

/** Without news from the network the speed shown has to sink, so the last count is told again. */
const HEARTBEAT_MS = 1000

export interface OwnerJob extends Job {
  file: File
  expiration: string
  note: string
  passphrase: string
  maxDownloads: number | null
}

export interface GuestJob extends Job {
  file: File
  guestLinkId: string
  /** `null`: as long as the link allows. */
  expiration: string | null
}

export const sendAsOwner: Send<OwnerJob, SharedFile> = async (job, onProgress, signal) => {
  const parameters = new URLSearchParams({ expiration: job.expiration })
  if (job.note !== '') parameters.set('note', job.note)
  if (job.maxDownloads !== null) parameters.set('maxDownloads', `${job.maxDownloads}`)
  const headers: Record<string, string> = { 'content-type': job.file.type || 'application/octet-stream' }
  if (job.passphrase !== '') headers['x-download-passphrase'] = encodeURIComponent(job.passphrase)
  const url = `${basePath}/api/files/${encodeURIComponent(job.name)}?${parameters.toString()}`
  try {
    const answer = await transfer({ method: 'PUT', url, headers, body: job.file }, onProgress, signal)
    return JSON.parse(answer) as SharedFile
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) refusals.set(refusals.get() + 1)
    throw error
  }
}

export const sendAsGuest: Send<GuestJob, { id: string }> = async (job, onProgress, signal) => {
  const body = new FormData()
  body.append('file', job.file, job.name)
  const query = job.expiration === null ? '' : `?expiration=${encodeURIComponent(job.expiration)}`
  const url = `${basePath}/api/guest/${encodeURIComponent(job.guestLinkId)}${query}`
  const answer = await transfer({ method: 'POST', url, headers: {}, body }, onProgress, signal)
  return JSON.parse(answer) as { id: string }
}

interface Transfer {
  method: string
  url: string
  headers: Record<string, string>
  body: File | FormData
}

function transfer(
  { method, url, headers, body }: Transfer,
  onProgress: (sentBytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const request = new XMLHttpRequest()
  const answer = answerOf(request)
  let sentBytes = 0
  const heartbeat = setInterval(() => onProgress(sentBytes), HEARTBEAT_MS)
  request.upload.addEventListener('progress', (event) => {
    sentBytes = event.loaded
    onProgress(sentBytes)
  })
  request.addEventListener('loadend', () => clearInterval(heartbeat))
  signal.addEventListener('abort', () => request.abort())
  request.open(method, url)
  request.setRequestHeader('accept', 'application/json')
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
  request.send(body)
  return answer
}

function answerOf(request: XMLHttpRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.addEventListener('load', () => {
      const { status, responseText: body } = request
      if (status >= 200 && status < 300) return resolve(body)
      reject(errorFromAnswer({ status, body, retryAfter: request.getResponseHeader('retry-after') }))
    })
    request.addEventListener('error', () => reject(unreachable()))
    request.addEventListener('abort', () => reject(unreachable()))
  })
}
