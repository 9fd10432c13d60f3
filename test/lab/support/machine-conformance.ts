/** What every kind of machine owes, whatever it is. Uses the fake server as the server under test. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machine, MachineDriver } from '../../../src/lab/machines/machine.ts'
import { ServerProcess, type Usage } from '../../../src/lab/machines/server-process.ts'
import { Reaper } from '../../../src/lab/reaper.ts'

export interface MachineTrial {
  machine: Machine
  signal: AbortSignal
  /** Starts the fake server on it and waits until it answers. */
  serve: (fault?: string) => Promise<{ server: ServerProcess; url: string }>
}

/** A machine with a folder of its own, ended and removed whatever `work` does. */
export async function withMachine(
  driver: MachineDriver,
  ramMb: number,
  work: (trial: MachineTrial) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lab-machine-'))
  await using reaper = new Reaper()
  const { signal } = new AbortController()
  try {
    await driver.check()
    const program = { folder: import.meta.dirname, files: ['fake-server.ts'] }
    const machine = await driver.boot({ ramMb, folder, program, reaper, signal })
    try {
      const serve = async (fault = 'none') => {
        const { port, url } = await machine.openPort(signal)
        const script = join(machine.programFolder ?? import.meta.dirname, 'fake-server.ts')
        const node = machine.programFolder === '/program' ? 'node' : process.execPath
        const command = [
          node,
          script,
          String(port),
          fault,
          machine.workFolder === '/data/work' ? '0.0.0.0' : '127.0.0.1',
        ]
        const server = await ServerProcess.start(machine, { command, env: {} }, signal)
        return { server, url }
      }
      await work({ machine, signal, serve })
    } finally {
      await machine.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The suite. @throws an AssertionError for the first thing that a driver fails at. */
export async function checkMachine(driver: MachineDriver, ramMb = 256): Promise<void> {
  await withMachine(driver, ramMb, async ({ machine, signal, serve }) => {
    await checkShell(machine, signal)
    const { server, url } = await serve()
    assert.equal(await firstStatus(url), 200, 'its port leads to the server')
    const isLook = (look: Usage) => look.peakBytes >= look.rssBytes && look.rssBytes > 10e6
    await until(() => server.usage.some(isLook))
    await server.stop()
    assert.equal(await firstStatus(url, 1), null, 'a stopped server is gone')
    const second = await serve('exits')
    assert.deepEqual(await second.server.exited, { status: 3, outOfMemory: false }, 'it tells how a server ended')
    const { server: survivor } = await serve('hears-nothing')
    assert.deepEqual(await machine.stop(), [], 'it leaves nothing behind')
    assert.deepEqual(await machine.stop(), [], 'it may be stopped twice')
    assert.equal(
      existsSync(`/proc/${survivor.pid}/cwd`) && driver.kind !== 'qemu',
      false,
      'it takes its servers with it',
    )
  })
}

async function checkShell({ shell }: Machine, signal: AbortSignal): Promise<void> {
  assert.deepEqual(await shell.run('echo "a  b"; echo; echo c; exit 7', { signal }), {
    status: 7,
    output: 'a  b\n\nc\n',
  })
  const both = await Promise.all(['one', 'two'].map(async (word) => shell.run(`sleep 0.1; echo ${word}`, { signal })))
  assert.deepEqual(
    both.map(({ output }) => output),
    ['one\n', 'two\n'],
    'scripts run side by side',
  )
  const lines: string[] = []
  await shell.run('echo 1; echo 2', { signal, onLine: (line) => lines.push(line) })
  assert.deepEqual(lines, ['1', '2'])
  const stopping = new AbortController()
  const endless = shell.run('while :; do sleep 0.1; echo tick; done', {
    signal: stopping.signal,
    timeoutMs: 0,
    onLine: () => stopping.abort(new Error('enough')),
  })
  await assert.rejects(endless, /enough/, 'a script ends when it is aborted')
  await assert.rejects(shell.run('sleep 5', { signal, timeoutMs: 300 }), { code: 'MACHINE_FAILED', retryable: true })
}

/** The status of the first answer within some seconds, or null. */
export async function firstStatus(url: string, seconds = 30): Promise<number | null> {
  const deadline = Date.now() + seconds * 1000
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(2000) }).catch(() => null)
    if (answer) return answer.status
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return null
}

export async function until(isSo: () => boolean, seconds = 20): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `not so within ${seconds} s: ${String(isSo)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
