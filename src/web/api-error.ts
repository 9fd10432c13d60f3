import { visibleName } from './visible-text.ts'

/** What went wrong with a request, in words for the person at the screen. */
export class ApiError extends Error {
  /** The HTTP status; 0 when there was no answer at all. */
  readonly status: number
  readonly code: string
  readonly hint: string | null
  readonly retryAfterSeconds: number | null

  constructor(
    status: number,
    { code, message, hint }: { code: string; message: string; hint?: string | undefined },
    retryAfterSeconds: number | null = null,
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.hint = hint ?? null
    this.retryAfterSeconds = retryAfterSeconds
  }
}

interface Answer {
  status: number
  body: string
  /** The Retry-After header: seconds, as this server sends it. */
  retryAfter: string | null
}

/** Reads the API's error envelope. What stands before the server (a proxy) answers in other forms, so guess those. */
export function errorFromAnswer({ status, body, retryAfter }: Answer): ApiError {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null
  return new ApiError(status, readEnvelope(body) ?? guess(status), seconds)
}

export function unreachable(): ApiError {
  return new ApiError(0, {
    code: 'UNREACHABLE',
    message: 'The server could not be reached.',
    hint: 'Check your connection, then try again.',
  })
}

/** For whatever was thrown: an ApiError as it is, anything else as a fault of this page. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ApiError(0, { code: 'PAGE_FAULT', message: `Something went wrong on this page: ${message}` })
}

function readEnvelope(body: string): { code: string; message: string; hint?: string } | null {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown; hint?: unknown } }
    if (typeof error?.message !== 'string') return null
    const code = typeof error.code === 'string' ? error.code : 'UNKNOWN'
    // A message may quote a name that another person chose.
    const message = visibleName(error.message)
    return typeof error.hint === 'string' ? { code, message, hint: visibleName(error.hint) } : { code, message }
  } catch {
    // Not JSON: then no word of it was meant for this page.
    return null
  }
}

function guess(status: number): { code: string; message: string; hint?: string } {
  if (status === 413) {
    return {
      code: 'TOO_LARGE',
      message: 'The file is too large for the server, or for a proxy in front of it.',
      hint: 'If a proxy stands before Holdfast, raise its limit on request bodies.',
    }
  }
  if (status >= 502 && status <= 504) {
    return {
      code: 'GATEWAY',
      message: `The proxy in front of the server answered ${status}.`,
      hint: 'The server may be restarting. Try again in a moment.',
    }
  }
  return { code: 'UNKNOWN', message: `The server answered ${status} and did not say why.` }
}
