/**
 * Ends what the lab has started when the lab itself ends in a way that runs no code of its own: kill -9, a crash of
 * Node.
 *
 * A small shell outside our session reads clean-up scripts from a pipe, always the whole of what is due now, and runs
 * the last one when the pipe breaks. Whoever cleans up in the ordinary way takes its script back first.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const WAIT_FOR_THE_END = `trap '' HUP INT TERM
due=:
while IFS= read -r line; do due=$line; done
eval "$due"`

export class Reaper implements AsyncDisposable {
  readonly #scripts = new Map<symbol, string>()
  readonly #child: ChildProcess

  constructor() {
    this.#child = spawn('sh', ['-c', WAIT_FOR_THE_END], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    this.#child.stdin?.on('error', () => undefined)
    this.#child.unref()
  }

  /**
   * Has `script` (one line of sh) run should the lab die.
   * @returns takes it back.
   */
  add(script: string): () => void {
    const key = Symbol(script)
    this.#scripts.set(key, script)
    this.#tell()
    return () => {
      if (this.#scripts.delete(key)) this.#tell()
    }
  }

  /** Runs whatever is still due and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.ref()
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }

  /** Newest first: a server before the folder that it writes to. */
  #tell(): void {
    this.#child.stdin?.write(`${[...this.#scripts.values(), ':'].toReversed().join('; ')}\n`)
  }
}
