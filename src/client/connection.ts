/** A share under its address: requests that carry the token, and that only ever go to this server. */
import type { HoldfastError, Secret } from '../base/index.ts'
import { exchange, type Answer, type FilePart } from './exchange.ts'
import { failure, notAShare, refused } from './failures.ts'

export interface ConnectionOptions {
  /** The share as its users open it: `https://files.example.org`. */
  url: string
  /** An API token of the share. */
  token: Secret
  /** Where the user gave the token, for messages: the name of a variable or a file. */
  tokenSource: string
  /** Ends every call. */
  signal: AbortSignal
}

export interface Request {
  headers?: object
  body?: FilePart
}

export class Connection {
  /** With a slash at the end. */
  readonly share: URL
  readonly signal: AbortSignal
  readonly #token: Secret
  readonly #tokenSource: string

  /** @throws PUBLISH_FAILED when the URL is not an address of a share. */
  constructor({ url, token, tokenSource, signal }: ConnectionOptions) {
    this.share = shareUrl(url)
    this.signal = signal
    this.#token = token
    this.#tokenSource = tokenSource
  }

  /** @param path below the share's address, without a slash in front. */
  at(path: string): URL {
    return new URL(path, this.share)
  }

  /** An answer is an answer whatever its status. */
  async ask(method: string, url: URL, { headers = {}, body }: Request = {}): Promise<Answer> {
    const known = { accept: 'application/json', authorization: `Bearer ${this.#token.reveal()}`, ...headers }
    return await exchange({ method, url, headers: known, signal: this.signal, ...(body && { body }) })
  }

  /**
   * An address that the share gave, or that was written down.
   * @throws PUBLISH_FAILED when it is on another server: the token stays here.
   */
  ownUrl(given: string): URL {
    const base = this.at('api/tus/')
    const url = URL.canParse(given, base.href) ? new URL(given, base) : null
    if (url?.origin === this.share.origin) return url
    throw failure(`the share at ${this.share.origin} sends the upload elsewhere: ${given}`, {
      hint: 'Behind a reverse proxy, the share has to pass on the address that its clients use.',
    })
  }

  /** The error for an unwelcome answer. @param what the thing that the request was about. */
  refused(answer: Answer, what: string): HoldfastError {
    return refused({ answer, what, share: this.share, tokenSource: this.#tokenSource })
  }

  /** The error for an answer that no share gives. */
  notAShare(answer: Answer): HoldfastError {
    return notAShare(answer, this.share)
  }
}

function shareUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : null
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw failure(`${JSON.stringify(given)} is not an address of a share`, {
      hint: 'It begins with http:// or https://.',
    })
  }
  url.hash = ''
  url.search = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}
