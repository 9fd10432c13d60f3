/** Checks of a file before it is sent, so that the user learns of a limit at once and not after an hour. */
import { ApiError } from '../api-error.ts'
import { formatApart, formatBytes, plural } from '../format.ts'
import type { Job } from './queue.ts'

const MAX_NAME_LENGTH = 255
const MAX_NOTE_BYTES = 500
const MAX_LABEL_BYTES = 200
const MAX_PASSPHRASE_LENGTH = 100

export interface Limits {
  /** Room for files that are not yet on their way; `null`: not known. */
  availableBytes: number | null
  maxFileBytes: number | null
  /** How many more files are allowed; `null`: any number. */
  filesLeft: number | null
}

/** `null` when it may be sent. */
export function checkJob(job: Job, limits: Limits): ApiError | null {
  const { availableBytes, maxFileBytes, filesLeft } = limits
  const nameProblem = checkFilename(job.name)
  if (nameProblem) return refusal('BAD_NAME', nameProblem, 'Rename the file and add it again.')
  if (filesLeft !== null && filesLeft <= 0) {
    return refusal('NO_UPLOADS_LEFT', 'This link takes no more files.', 'Ask its owner for another link.')
  }
  if (maxFileBytes !== null && job.sizeBytes > maxFileBytes) {
    const [has, allowed] = [formatApart(job.sizeBytes, maxFileBytes), formatApart(maxFileBytes, job.sizeBytes)]
    return refusal('TOO_LARGE', `The file is too large: it has ${has}, and at most ${allowed} are allowed a file.`)
  }
  if (availableBytes !== null && job.sizeBytes > availableBytes) {
    const room = availableBytes > 0 ? `has room for ${formatBytes(availableBytes)} more` : 'is full'
    const message = `The server's disk ${room}, and this file needs ${formatBytes(job.sizeBytes)}.`
    return refusal('NO_SPACE', message, 'Delete files you no longer need, then add it again.')
  }
  return null
}

function refusal(code: string, message: string, hint?: string): ApiError {
  return new ApiError(0, { code, message, hint })
}

/** The problem with a name, as a sentence; `null` when there is none. */
export function checkFilename(name: string): string | null {
  if (name === '') return 'The file needs a name.'
  // The server counts code points, as this does.
  if (Array.from(name).length > MAX_NAME_LENGTH) return `The name is too long: at most ${MAX_NAME_LENGTH} characters.`
  if (name === '.' || name === '..') return `“${name}” is the name of a folder.`
  if (name.includes('/')) return 'The name may not contain “/”.'
  if (/\p{Surrogate}/u.test(name)) return 'The name has half a character, as a damaged name has.'
  // oxlint-disable-next-line no-control-regex -- these are what the server refuses
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'The name may not contain line breaks or other control characters.'
  return null
}

export function checkNote(note: string): string | null {
  const extra = utf8Length(note) - MAX_NOTE_BYTES
  return extra > 0 ? `The note is too long by ${plural(extra, 'byte')}: at most ${MAX_NOTE_BYTES}.` : null
}

export function checkLabel(name: 'label' | 'greeting', text: string): string | null {
  const extra = utf8Length(text) - MAX_LABEL_BYTES
  return extra > 0 ? `The ${name} is too long by ${plural(extra, 'byte')}: at most ${MAX_LABEL_BYTES}.` : null
}

export function checkPassphrase(passphrase: string): string | null {
  // The server counts code points, as this does.
  const isTooLong = Array.from(passphrase).length > MAX_PASSPHRASE_LENGTH
  return isTooLong ? `The passphrase is too long: at most ${MAX_PASSPHRASE_LENGTH} characters.` : null
}

/** A whole number from 1 up, or empty for none. */
export function checkCount(text: string): string | null {
  return text === '' || (/^\d{1,9}$/.test(text) && Number(text) > 0)
    ? null
    : 'Give a whole number from 1 up, or nothing.'
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length
}
