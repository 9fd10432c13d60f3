/** A POSIX shell on a machine: the one thing that the lab needs of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { HoldfastError, messageOf } from '../../base/index.ts'
import { LabError } from '../errors.ts'

export interface ShellOptions {
  signal: AbortSignal
  /** Called with each line of output as it comes, without its line feed. */
  onLine?: (line: string) => void
  /** The call fails when it takes longer. Default 20 s; 0: no limit, for a script that reports until it is aborted. */
  timeoutMs?: number
}

export interface Shell {
  /**
   * Runs a script with `sh`. Several may run at once.
   * @returns the exit status and what it wrote to standard output.
   * @throws MACHINE_FAILED (retryable) when the shell cannot be reached or does not answer in time.
   */
  run(script: string, options: ShellOptions): Promise<{ status: number; output: string }>
}

const DEFAULT_TIMEOUT_MS = 20_000
/** What ssh itself ends with when it cannot connect; see ssh(1). */
const SSH_FAILED = 255

/** A shell that is a child process: `sh -s` here, or ssh to elsewhere. The script goes to its standard input. */
export class ChildShell implements Shell {
  readonly #command: readonly string[]

  constructor(command: readonly string[] = ['sh', '-s']) {
    this.#command = command
  }

  async run(script: string, { signal, onLine, timeoutMs = DEFAULT_TIMEOUT_MS }: ShellOptions) {
    const [program = 'sh', ...args] = this.#command
    const limit = timeoutMs === 0 ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    limit.throwIfAborted()
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, signal: limit })
    let errors = ''
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
    // A shell that ends before it has read its script breaks the pipe; its exit status tells that better.
    child.stdin.on('error', () => undefined)
    child.stdin.end(`${script}\n`)
    let output = ''
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (onLine) onLine(line)
      else output += `${line}\n`
    })
    try {
      const [status] = (await once(child, 'close')) as [number | null]
      if (status === SSH_FAILED && program !== 'sh') throw new Error(errors.trim() || 'the connection was lost')
      return { status: status ?? 1, output }
    } catch (error) {
      signal.throwIfAborted()
      const why = limit.aborted ? `no answer within ${timeoutMs / 1000} s` : messageOf(error)
      throw unreachable(`${program}: ${why}`, error)
    }
  }
}

/** Ends a script's output with its status, on a line of its own. */
const END_OF_SCRIPT = /^@end (\d+)$/

/**
 * A shell behind a TCP port, such as a virtual machine's: each connection is a shell that reads its script from
 * it.
 */
export class SocketShell implements Shell {
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  async run(script: string, { signal, onLine, timeoutMs = DEFAULT_TIMEOUT_MS }: ShellOptions) {
    const limit = timeoutMs === 0 ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    limit.throwIfAborted()
    const socket = connect({ port: this.#port, host: '127.0.0.1', signal: limit })
    socket.write(`(\n${script}\n)\nprintf '\\n@end %s\\n' $?\nexit\n`)
    let output = ''
    let isBlankDue = false
    try {
      for await (const line of createInterface({ input: socket })) {
        const status = END_OF_SCRIPT.exec(line)?.[1]
        if (status !== undefined) return { status: Number(status), output }
        // The last blank line is ours.
        const lines = [...(isBlankDue ? [''] : []), ...(line === '' ? [] : [line])]
        isBlankDue = line === ''
        for (const complete of lines) {
          if (onLine) onLine(complete)
          else output += `${complete}\n`
        }
      }
      throw new Error('the connection was lost')
    } catch (error) {
      signal.throwIfAborted()
      throw unreachable(limit.aborted ? `no answer within ${timeoutMs / 1000} s` : messageOf(error), error)
    } finally {
      socket.destroy()
    }
  }
}

function unreachable(why: string, cause?: unknown): HoldfastError {
  return new LabError('MACHINE_FAILED', `the machine's shell cannot be used: ${why}`, { retryable: true, cause })
}

/** Quotes a word for sh. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
