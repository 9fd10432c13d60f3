import { randomSecret } from '../../base/index.ts'
import type { Place, PreparedTarget, Target } from './target.ts'

/**
 * Any command that starts a server with PicoShare's API. In its words `{port}`, `{host}` and `{data}` (a folder of its
 * own, not made yet) are filled in; the secret is in PS_SHARED_SECRET, the port in PORT too. Words are split at blanks.
 */
export class CommandTarget implements Target {
  readonly kind = 'command'
  readonly secret = randomSecret()
  readonly #words: readonly string[]

  constructor(command: string) {
    this.#words = command.split(/\s+/).filter(Boolean)
  }

  async prepare(): Promise<PreparedTarget> {
    return { version: '', program: null, url: null, start: (place) => this.#launch(place) }
  }

  #launch({ workFolder, host, port }: Place) {
    const values: Record<string, string> = { port: String(port), host, data: `${workFolder}/data` }
    const command = this.#words.map((word) =>
      word.replace(/\{(port|host|data)\}/g, (_, name: string) => values[name] ?? ''),
    )
    return { command, env: { PORT: String(port), PS_SHARED_SECRET: this.secret } }
  }
}
