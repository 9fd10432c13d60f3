/** Watches a run of Packer by its folder: the same for the run that was just started and for one found running. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { parseStepEvent } from './events.ts'
import { LineTail } from './line-tail.ts'
import { parsePackerLine, type PackerLine } from './packer-log.ts'
import { isAlive, type ProcessGroup } from './process-group.ts'
import { exitStatusOf, type RunFolder } from './run-folder.ts'
import type { StepEvent } from './template/index.ts'

const POLL_MS = 100
/** Bytes of a log that are in memory at once. */
const PORTION_BYTES = 4 * 1024 * 1024

export interface RunNews {
  /** Starts and ends of provisioners, in their order: at least all that `lines` and the lines before them tell of. */
  readonly events: readonly StepEvent[]
  readonly lines: readonly PackerLine[]
}

export class RunWatch {
  readonly #run: RunFolder
  readonly #group: ProcessGroup
  readonly #events: LineTail
  readonly #log: LineTail

  constructor(run: RunFolder, group: ProcessGroup) {
    this.#run = run
    this.#group = group
    this.#events = new LineTail(run.events)
    this.#log = new LineTail(run.log)
  }

  /** Everything written since the last call, in portions. */
  *read(): Generator<RunNews> {
    do {
      // The log first: a marker writes its event before its line, so the news of a line never lack its event.
      const lines = [...this.#log.lines(PORTION_BYTES)].map(parsePackerLine).filter((line) => line !== null)
      const events = [...this.#events.lines()].map(parseStepEvent).filter((event) => event !== null)
      if (events.length > 0 || lines.length > 0) yield { events, lines }
    } while (!this.#log.isAtEnd)
  }

  /** All that is there, then all that comes, until Packer has ended or every process of the run is gone. */
  async *news(signal: AbortSignal): AsyncGenerator<RunNews, void> {
    for (;;) {
      signal.throwIfAborted()
      const isOver = exitStatusOf(this.#run) !== null || !isAlive(this.#group)
      for (const news of this.read()) {
        yield news
        // The lock is to be renewed however much there is.
        await setImmediate()
      }
      if (isOver) return
      await sleep(POLL_MS, undefined, { signal })
    }
  }
}
