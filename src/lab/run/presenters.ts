/** How a run is shown: plain lines for logs and single tests, one line that stays up to date on a terminal. */
import { formatDuration } from '../../base/index.ts'
import type { Iteration } from '../results/result.ts'
import { describeCell, type CellName, type Presenter } from './presenter.ts'
import { roundedSeconds } from './time-left.ts'

const DEFAULT_COLUMNS = 80

interface Output {
  columns?: number
  write(text: string): unknown
}

/** A line an event, each with the time; every phase with what it took. */
export class LinePresenter implements Presenter {
  readonly #out: Output

  constructor(out: Output = process.stderr) {
    this.#out = out
  }

  phaseBegins(): void {
    // Its line comes when it has ended, with what it took.
  }

  phase(cell: CellName, name: string, seconds: number, error: string | null): void {
    this.#line(
      `${describeCell(cell)}  ${name.padEnd(16)} ${seconds.toFixed(3).padStart(8)} s${error ? `  failed: ${error}` : ''}`,
    )
  }

  iteration(cell: CellName, result: Iteration, progress: Parameters<Presenter['iteration']>[2]): void {
    this.#line(`${describeCell(cell)}  ${outcome(result)}  (${progressText(progress)})`)
  }

  note(text: string): void {
    this.#line(text)
  }

  end(): void {
    // Lines need no ending.
  }

  #line(text: string): void {
    this.#out.write(`${new Date().toISOString()}  ${text}\n`)
  }
}

/** For a person at a terminal: what failed stays, the rest is one line that moves. */
export class TerminalPresenter implements Presenter {
  readonly #out: Output
  #status = ''

  constructor(out: Output = process.stderr) {
    this.#out = out
  }

  phaseBegins(cell: CellName, name: string): void {
    const line = [this.#status, `${describeCell(cell)}: ${name} ...`].filter(Boolean).join('  ')
    // A line that is wrapped could not be taken back.
    this.#out.write(`\r\u001B[K${line.slice(0, (this.#out.columns ?? DEFAULT_COLUMNS) - 1)}`)
  }

  phase(): void {
    // Only what is going on is shown.
  }

  iteration(cell: CellName, result: Iteration, progress: Parameters<Presenter['iteration']>[2]): void {
    const mark = result.exit_reason === 'success' ? '✔' : '✖'
    this.#out.write(`\r\u001B[K${mark} ${describeCell(cell)}  ${outcome(result)}\n`)
    this.#status = progressText(progress)
    this.#out.write(this.#status)
  }

  note(text: string): void {
    this.#out.write(`\r\u001B[K${text}\n${this.#status}`)
  }

  end(): void {
    this.#out.write('\r\u001B[K')
  }
}

function outcome(result: Iteration): string {
  if (result.exit_reason !== 'success') return `${result.exit_reason}: ${result.message}`
  const peak = result.server.rss_peak_bytes
  return `${(result.throughput_mbps ?? 0).toFixed(1)} MB/s${peak === null ? '' : `, peak ${(peak / 1e6).toFixed(1)} MB`}`
}

function progressText({ done, total, secondsLeft }: Parameters<Presenter['iteration']>[2]): string {
  const left =
    secondsLeft === null || done === total ? '' : `, about ${formatDuration(roundedSeconds(secondsLeft) * 1000)} left`
  return `${done} of ${total}${left}`
}
