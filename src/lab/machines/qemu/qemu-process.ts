import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const QEMU = 'qemu-system-x86_64'
const LOOK_EVERY_MS = 50
/** A kernel's report of being out of memory alone is some hundred lines. */
const TAIL_LINES = 200

/** One QEMU without devices of its own accord, its serial console kept in a file. */
export class QemuProcess {
  readonly #child: ChildProcess
  readonly #console: string
  readonly #log: string
  readonly #exited: Promise<void>
  #hasExited = false

  /** @param folder where `console.log` and `qemu.log` go. */
  constructor(args: readonly string[], folder: string) {
    this.#console = join(folder, 'console.log')
    this.#log = join(folder, 'qemu.log')
    const common = [
      '-nodefaults',
      '-no-user-config',
      '-no-reboot',
      '-display',
      'none',
      '-serial',
      `file:${this.#console}`,
    ]
    const log = openSync(this.#log, 'w')
    // In a session of its own: a Ctrl-C is for the lab, which then ends it in order.
    this.#child = spawn(QEMU, [...common, ...args], { stdio: ['ignore', log, log], detached: true })
    closeSync(log)
    this.#exited = new Promise((resolve) => {
      const done = () => {
        this.#hasExited = true
        resolve()
      }
      this.#child.on('exit', done)
      this.#child.on('error', done)
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get hasExited(): boolean {
    return this.#hasExited
  }

  /** @returns whether the console said it in time, and before the machine ended. */
  async waitForLine(line: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (performance.now() < deadline) {
      const isLast = this.#hasExited
      if (this.consoleText().includes(line)) return true
      if (isLast) return false
      await sleep(LOOK_EVERY_MS, undefined, { signal })
    }
    return false
  }

  /** All that the guest's kernel and first program have written. */
  consoleText(): string {
    return readText(this.#console)
  }

  /** The end of it, and of what QEMU itself had to say. */
  tail(): string {
    const lines = `${readText(this.#log)}${this.consoleText()}`.replaceAll('\r', '').trimEnd().split('\n')
    return `${lines.slice(-TAIL_LINES).join('\n')}\n`
  }

  /** SIGKILL: its disks are overlays that are thrown away. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.#hasExited) this.#child.kill('SIGKILL')
    await this.#exited
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
