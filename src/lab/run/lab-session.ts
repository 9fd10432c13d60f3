/**
 * What a run holds while it goes on: the lock that keeps a second run off the machine, the reaper, the signals. All
 * of it is given back however the run ends.
 */
import { join } from 'node:path'
import { lockFile, makeFolders } from '../../storage/index.ts'
import { cacheFolder } from '../cache-folder.ts'
import { usingFolder } from '../results/folder-errors.ts'
import { Reaper } from '../reaper.ts'
import { LabError } from '../errors.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** 128 + SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130

export class LabSession implements AsyncDisposable {
  readonly reaper = new Reaper()
  readonly #controller = new AbortController()
  readonly #unlock: () => void

  private constructor(unlock: () => void) {
    this.#unlock = unlock
    for (const signal of SIGNALS) process.on(signal, this.#interrupt)
  }

  /** @throws LAB_BUSY when another run uses this machine; LAB_FOLDER_UNUSABLE when there can be no lock. */
  static async open(): Promise<LabSession> {
    const unlock = await usingFolder(cacheFolder(), () => {
      makeFolders(cacheFolder())
      return lockFile(join(cacheFolder(), 'run.lock'))
    })
    if (!unlock) {
      throw new LabError('LAB_BUSY', 'another lab run uses this machine', {
        hint: 'Two runs at once would measure each other. Wait for it to end; use --parallel to run cells side by side.',
        retryable: true,
      })
    }
    return new LabSession(unlock)
  }

  /** Aborts when the run is to end early. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const signal of SIGNALS) process.off(signal, this.#interrupt)
    await this.reaper[Symbol.asyncDispose]()
    this.#unlock()
  }

  /** The first signal ends the run in good order; with the second the reaper does what is left. */
  readonly #interrupt = (): void => {
    if (this.signal.aborted) process.exit(EXIT_INTERRUPTED)
    this.#controller.abort(new Error('interrupted'))
  }
}
