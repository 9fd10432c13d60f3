/** Runs the lab's commands as a user would, in folders of their own, and looks at what they leave behind. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cellResultSchema, type CellResult } from '../../../src/lab/results/result.ts'

const HOLDFAST = join(import.meta.dirname, '../../../bin/holdfast')
export const FAKE_SERVER = join(import.meta.dirname, 'fake-server.ts')

export class Workplace implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'holdfast-lab-test-'))
  readonly out = join(this.path, 'out')

  /** Starts `holdfast ...` with this workplace's cache, so that runs of different tests do not lock each other out. */
  start(args: readonly string[], env: Record<string, string> = {}): LabRun {
    const child = spawn(HOLDFAST, args, {
      env: { ...process.env, XDG_CACHE_HOME: join(this.path, 'cache'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new LabRun(child)
  }

  /** Remaining scratch folders, and processes whose command line names this workplace. */
  leftovers(): string[] {
    const folders = readdirSync(this.path, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /(^|\/)(tmp|machine-)/.test(name),
    )
    const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(this.path))
    return [...folders, ...processes.map((pid) => `${pid}: ${commandLine(pid)}`)]
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export class LabRun {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #ended: Promise<number>

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()))
    child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()))
    this.#ended = once(child, 'close').then(([status]) => Number(status ?? -1))
  }

  /** The exit status; -1 for a death by a signal. */
  async end(): Promise<number> {
    return this.#ended
  }

  /** Waits until it has said this on standard error. */
  async untilSaid(text: string | RegExp): Promise<void> {
    const said = () => (typeof text === 'string' ? this.stderr.includes(text) : text.test(this.stderr))
    const ended = this.end().then(() => 'ended')
    while (!said()) {
      const next = await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ended])
      if (next === 'ended' && !said()) throw new Error(`it ended without saying ${text}:\n${this.stderr}`)
    }
  }

  /** The result file that run-test names on standard output, which is of the published form. */
  async result(): Promise<CellResult> {
    await this.end()
    try {
      return cellResultSchema.strict().parse(JSON.parse(readFileSync(this.stdout.trim(), 'utf8')))
    } catch (error) {
      throw new Error(`there is no result:\n${this.stdout}\n${this.stderr}`, { cause: error })
    }
  }
}

/** Flags that make a run quick: small files, no waiting, the fake server with a fault. */
export function fakeFlags(workplace: Workplace, fault = 'none'): string[] {
  // The folder in the command line marks the server's process as this workplace's.
  const command = `command:${process.execPath} ${FAKE_SERVER} {port} ${fault} 127.0.0.1 ${workplace.path}`
  const quick = '--upload put --warm-up 0 --quiet-wait 0 --backoff 10ms --machine process'
  return ['--target', command, '--out', workplace.out, ...quick.split(' ')]
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
