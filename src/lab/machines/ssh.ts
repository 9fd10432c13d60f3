/**
 * A host that ssh reaches, with its own software, by a name of the ssh configuration: `vagrant ssh-config
 * >>~/.ssh/config` makes a Vagrant machine one. The server listens on that host's loopback, and a forwarded port
 * leads there.
 *
 * Each call is a connection of its own that ends with its script; nothing is ever put in the background of a session
 * with a waiting caller.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { canConnect, freePort } from './free-port.ts'
import type { BootRequest, Machine, MachineDriver } from './machine.ts'
import { killSession } from './server-process.ts'
import { ChildShell, quote } from './shell.ts'
import { LabError } from '../errors.ts'

/** No questions, and no hanging: a dead connection is given up within 30 s. */
const OPTIONS = ['BatchMode=yes', 'ConnectTimeout=10', 'ServerAliveInterval=10', 'ServerAliveCountMax=3']
const FORWARD_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 30_000
/** Ports that Linux does not assign by itself. */
const SERVER_PORTS = [20_000, 32_000] as const

export class SshMachine implements MachineDriver {
  readonly kind: string
  readonly limitsMemory = false
  readonly bringsProgram = false
  readonly #ssh: readonly string[]

  /** @param host as ssh knows it. @param options more of ssh's own, such as `-F FILE`. */
  constructor(host: string, options: readonly string[] = []) {
    this.kind = `ssh:${host}`
    // Not -f, not -t: the first leaves a client behind, the second takes the server with it.
    this.#ssh = ['ssh', ...options, ...OPTIONS.flatMap((option) => ['-o', option]), '-T', host]
  }

  roomBytes(): number {
    return Infinity
  }

  async check(): Promise<void> {
    try {
      await this.#shell().run('command -v setsid', { signal: new AbortController().signal })
    } catch (error) {
      throw new LabError('MACHINE_UNAVAILABLE', `no machine ${this.kind} here: it cannot be reached by ssh`, {
        hint: `See whether '${this.#ssh.join(' ')} true' works.`,
        cause: error,
      })
    }
  }

  async boot({ reaper }: BootRequest): Promise<Machine> {
    const startedAt = performance.now()
    const shell = this.#shell()
    // Not to be interrupted: no process would know of the folder.
    const whole = new AbortController().signal
    const { output } = await shell.run('mktemp -d "${TMPDIR:-/tmp}/holdfast-lab.XXXXXX"', { signal: whole })
    const workFolder = output.trim()
    if (!workFolder.startsWith('/'))
      throw new LabError('MACHINE_FAILED', `${this.kind} made no folder: ${output}`, { retryable: true })
    const cleanUp = `${killSession(workFolder)}; rm -rf ${quote(workFolder)}`
    const forget = reaper.add(`${this.#ssh.map(quote).join(' ')} ${quote(cleanUp)}`)
    const forwards: Forward[] = []
    return {
      shell,
      workFolder,
      programFolder: null,
      commandPrefix: [],
      sampleSeconds: 0.5,
      bootSeconds: (performance.now() - startedAt) / 1000,
      openPort: async (stopping) => {
        const forward = await this.#forward(reaper, stopping)
        forwards.push(forward)
        return { port: forward.port, host: '127.0.0.1', url: forward.url }
      },
      death: () => null,
      consoleTail: () => '',
      stop: async () => {
        for (const forward of forwards.splice(0)) await forward.close()
        const script = `${cleanUp}; [ ! -e ${quote(workFolder)} ] || echo left`
        const { output: left } = await shell.run(script, { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) })
        forget()
        return left.trim() === '' ? [] : [`${this.kind}: ${workFolder}`]
      },
    }
  }

  #shell(): ChildShell {
    return new ChildShell([...this.#ssh, 'sh -s'])
  }

  /** A client that only forwards a local port to a port on the host's loopback. */
  async #forward(reaper: BootRequest['reaper'], signal: AbortSignal): Promise<Forward> {
    const port = randomInt(...SERVER_PORTS)
    const local = await freePort()
    const [program = 'ssh', ...args] = this.#ssh
    const forwarding = ['-o', 'ExitOnForwardFailure=yes', '-N', '-L', `127.0.0.1:${local}:127.0.0.1:${port}`]
    const client = spawn(program, [...forwarding, ...args], { stdio: 'ignore', detached: true })
    const forget = reaper.add(`kill -KILL ${client.pid}`)
    const close = async () => {
      await end(client)
      forget()
    }
    const deadline = performance.now() + FORWARD_TIMEOUT_MS
    while (!(await canConnect(local))) {
      if (client.exitCode !== null || performance.now() > deadline || signal.aborted) {
        await close()
        signal.throwIfAborted()
        throw new LabError('MACHINE_FAILED', `${this.kind} forwards no port`, { retryable: true })
      }
      await sleep(50)
    }
    return { port, url: `http://127.0.0.1:${local}`, close }
  }
}

interface Forward {
  port: number
  url: string
  close(): Promise<void>
}

async function end(client: ChildProcess): Promise<void> {
  if (client.exitCode !== null || client.signalCode !== null) return
  const ended = once(client, 'exit')
  client.kill('SIGTERM')
  await ended
}
