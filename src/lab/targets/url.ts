import { z } from 'zod'
import { HoldfastError, messageOf } from '../../base/index.ts'
import { exchange } from '../requests/exchange.ts'
import { parseJson, ShareClient } from '../requests/share-client.ts'
import type { PreparedTarget, Target } from './target.ts'
import { LabError } from '../errors.ts'

const ANSWER_TIMEOUT_MS = 10_000
const health = z.object({ version: z.string() })

/** A server that runs already, anywhere. Nothing is started or ended; uploads are removed again. */
export class UrlTarget implements Target {
  readonly kind = 'url'
  readonly secret: string
  readonly #url: string

  constructor(url: string, secret: string) {
    this.#url = url.replace(/\/+$/, '')
    this.secret = secret
  }

  /** Logs in once: a wrong address or secret is better told now than as a failure of every cell. */
  async prepare(signal: AbortSignal): Promise<PreparedTarget> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)])
    try {
      const { text } = await exchange({ method: 'GET', url: `${this.#url}/api/health`, signal: limit })
      await ShareClient.logIn(this.#url, this.secret, limit)
      const version = health.safeParse(parseJson(text)).data?.version ?? ''
      return { version, program: null, start: null, url: this.#url }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof HoldfastError) throw error
      const why = limit.aborted ? `no answer within ${ANSWER_TIMEOUT_MS / 1000} s` : messageOf(error)
      throw new LabError('TARGET_UNAVAILABLE', `${this.#url} cannot be reached: ${why}`, { cause: error })
    }
  }
}
