/** The words of a failed call: what the server answered in place of the answer that the call needs. */
import { z } from 'zod'
import type { ErrorOptions, HoldfastError } from '../base/index.ts'
import { ClientError } from './errors.ts'
import type { Answer } from './exchange.ts'
import { HTTP, parseJson } from './http.ts'

/** Too early, too many, busy, out of step with us: worth another look in a moment. */
const PASSING = [408, 409, 423, 429, 500, 502, 503, 504]

const refusal = z.object({ error: z.object({ message: z.string(), hint: z.string().optional() }) })

export interface Refused {
  answer: Answer
  /** The thing that the request was about. */
  what: string
  share: URL
  /** Where the user gave the token. */
  tokenSource: string
}

export function failure(message: string, options: ErrorOptions = {}): HoldfastError {
  return new ClientError('PUBLISH_FAILED', message, options)
}

export function refused({ answer, what, share, tokenSource }: Refused): HoldfastError {
  const { status } = answer
  const said = refusal.safeParse(parseJson(answer.text)).data?.error
  const reason = said ? `: ${said.message}` : ''
  const at = share.origin
  const fail = (message: string, hint?: string) =>
    failure(message, { ...(hint !== undefined && { hint }), details: { status } })
  if (status === HTTP.tooLarge) {
    return fail(`${what} is too large for the share at ${at}${reason}`, 'The share, or a proxy before it, has a limit.')
  }
  if (status === HTTP.noSpace) return fail(`the share at ${at} has no room for ${what}${reason}`, said?.hint)
  if (PASSING.includes(status)) {
    const message = `the share at ${at} does not take ${what} now (HTTP ${status})${reason}`
    return failure(message, { retryable: true, details: { status } })
  }
  if (answer.headers['tus-resumable'] === undefined && said === undefined) return notAShare(answer, share)
  if (status === HTTP.unauthorized) {
    const hint = `Make an API token on the share's settings page and put it into ${tokenSource}.`
    return fail(`the share at ${at} does not know the API token in ${tokenSource}`, hint)
  }
  return fail(`the share at ${at} refused ${what} with HTTP ${status}${reason}`, said?.hint)
}

export function notAShare({ status, headers, text }: Answer, share: URL): HoldfastError {
  const found = [`HTTP ${status}`, headers.server, headers['content-type'], JSON.stringify(text.trim().slice(0, 80))]
  const seen = found.filter((fact) => fact !== undefined && fact !== '""').join(', ')
  return failure(`there is no Holdfast share at ${share.href}: it answered ${seen}`, {
    hint: 'Give the address of the share as its users open it, such as https://files.example.org.',
    details: { status },
  })
}
