import type { PreparedTarget, Target } from './target.ts'

/** A server that runs already, anywhere. Nothing is started or ended; what is uploaded is removed again. */
export class UrlTarget implements Target {
  readonly kind = 'url'
  readonly secret: string
  readonly #url: string

  constructor(url: string, secret: string) {
    this.#url = url.replace(/\/+$/, '')
    this.secret = secret
  }

  async prepare(): Promise<PreparedTarget> {
    return { version: '', program: null, start: null, url: this.#url }
  }
}
