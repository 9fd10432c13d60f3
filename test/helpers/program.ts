/** Runs a test's own small programs as real processes and makes sure that none of them outlives the test. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after } from 'node:test'

export interface Program {
  process: ChildProcess
  pid: number
  /** The next line of its standard output. Rejects when there is none any more. */
  line(): Promise<string>
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>
  kill(signal: NodeJS.Signals): void
}

export function startProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    process: child,
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => child.kill(signal),
    async line() {
      const next = await lines.next()
      if (next.done) throw new Error(`${file} ended without another line`)
      return next.value
    },
  }
}
