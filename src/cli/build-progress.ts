/** Shows builds while they run: lines for logs and pipes, a line a source that moves for a terminal. */
import type { Writable } from 'node:stream'
import { formatDuration } from '../base/index.ts'
import { describeStatus, type BuildListener, type SourceOutcome } from '../builds/index.ts'
import type { LockInfo } from '../lock/index.ts'
import type { Build, Provisioner } from '../state/index.ts'

const REDRAW_MS = 250

/** A line for each thing that happens. */
export class PlainProgress implements BuildListener {
  readonly #out: Writable
  readonly #isVerbose: boolean
  readonly #last = new Map<string, Build>()

  /** @param isVerbose Whether Packer's own lines are shown too. */
  constructor(out: Writable, isVerbose: boolean) {
    this.#out = out
    this.#isVerbose = isVerbose
  }

  begin(_names: readonly string[]): void {
    // What is built tells itself by its first line.
  }

  note(name: string | null, text: string): void {
    this.print(name === null ? text : `${name}: ${text}`)
  }

  saved(build: Build): void {
    const before = this.#last.get(build.name)
    this.#last.set(build.name, build)
    const total = build.provisioners.length
    for (const [index, step] of build.provisioners.entries()) {
      const earlier = before?.provisioners[index]
      const isNews = earlier?.status !== step.status || earlier.startedAt !== step.startedAt
      if (!isNews || !before) continue
      const words = describeStep(step)
      if (words !== null) this.note(build.name, `step ${index + 1} of ${total}, ${step.name}: ${words}`)
    }
  }

  line(name: string, text: string): void {
    if (this.#isVerbose) this.print(`${name} | ${text.trimEnd()}`)
  }

  waiting(holder: LockInfo): void {
    this.print(waitingText(holder))
  }

  ended(outcome: SourceOutcome): void {
    for (const line of describeOutcome(outcome)) this.print(line)
  }

  /** Lets go of what it needs. */
  close(): void {
    // Lines need no end.
  }

  protected print(line: string): void {
    this.#out.write(`${line}\n`)
  }
}

/** The same lines, without the steps, above a line for each source with its step and time, redrawn in place. */
export class TerminalProgress extends PlainProgress {
  readonly #terminal: Writable & { columns?: number }
  readonly #running = new Map<string, Build | null>()
  readonly #timer: NodeJS.Timeout
  #drawn = 0

  constructor(out: Writable & { columns?: number }, isVerbose: boolean) {
    super(out, isVerbose)
    this.#terminal = out
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS)
    this.#timer.unref()
  }

  override begin(names: readonly string[]): void {
    for (const name of names) this.#running.set(name, null)
  }

  override saved(build: Build): void {
    this.#running.set(build.name, build)
    this.#draw()
  }

  override ended(outcome: SourceOutcome): void {
    this.#running.delete(outcome.name)
    super.ended(outcome)
  }

  override close(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  protected override print(line: string): void {
    this.#clear()
    super.print(line)
    this.#draw()
  }

  #draw(): void {
    this.#clear()
    const width = (this.#terminal.columns ?? 80) - 1
    const nameWidth = Math.max(...this.#running.keys().map((name) => name.length))
    for (const [name, build] of this.#running) {
      if (!build) continue
      const line = describeRunning(name.padEnd(nameWidth), build, Date.now())
      this.#terminal.write(`${line.length > width ? `${line.slice(0, width - 1)}…` : line}\n`)
      this.#drawn += 1
    }
  }

  #clear(): void {
    if (this.#drawn > 0) this.#terminal.write(`\u001B[${this.#drawn}A\u001B[J`)
    this.#drawn = 0
  }
}

/** `1m12s`: of a build or a step; null while it has not begun. */
export function durationOf(
  { startedAt, endedAt }: Pick<Build, 'startedAt' | 'endedAt'>,
  now = Date.now(),
): string | null {
  if (startedAt === null) return null
  const ms = Math.max(0, (endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt))
  return ms < 1000 ? `${ms}ms` : formatDuration(Math.round(ms / 1000) * 1000)
}

function describeStep(step: Provisioner): string | null {
  if (step.status === 'running') return step.attempts !== undefined && step.attempts > 1 ? 'begins again' : 'begins'
  if (step.status === 'complete') {
    return `${describeStatus(step)} (${durationOf(step) ?? '?'})${step.error === null ? '' : `: ${step.error}`}`
  }
  if (step.status === 'failed') return `FAILED: ${step.error}`
  if (step.status === 'skipped') return step.error === null ? 'skipped' : `skipped: ${step.error}`
  return null
}

function describeRunning(name: string, build: Build, now: number): string {
  const total = build.provisioners.length
  const index = build.provisioners.findIndex(({ status }) => status === 'running')
  const step = build.provisioners[index]
  const doing = step ? `step ${index + 1} of ${total}, ${oneLine(step.name)}` : build.status
  return `${name}  ${durationOf(build, now) ?? ''}  ${doing}${step ? `  ${durationOf(step, now)}` : ''}`
}

function describeOutcome({ name, status, build, error }: SourceOutcome): string[] {
  if (status === 'up to date') return [`${name}: up to date`, ...(error ? [`${name}: ${error.message}`] : [])]
  if (status === 'complete') {
    const files = build.artifacts.map(({ path, url }) => `    ${path}${url === null ? '' : `  ${url}`}`)
    const continued = build.provisioners.flatMap((step, index) =>
      step.status === 'complete' && step.error !== null
        ? [`${name}: step ${index + 1} (${oneLine(step.name)}) ${describeStatus(step)}: ${step.error}`]
        : [],
    )
    return [
      `${name}: complete (${durationOf(build)})`,
      ...continued,
      ...files,
      ...(error ? [`${name}: not published: ${error.message}`] : []),
    ]
  }
  const output = typeof error?.details.output === 'string' ? error.details.output : ''
  const tail = output === '' ? [] : output.split('\n').map((line) => `    ${line}`)
  return [error?.message ?? `${name}: ${status}`, ...tail, ...(error?.hint === undefined ? [] : [error.hint])]
}

function waitingText({ name, who, created, operation, info }: LockInfo): string {
  return `waiting for the lock ${name}, held by ${who} since ${created} for "${operation}"${info ? ` (${info})` : ''}`
}

function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}
