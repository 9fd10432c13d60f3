/** This host as a machine: what `process` and `cgroup2` have in common. */
import { mkdirSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { readProcessStat, systemErrorCode } from '../../base/index.ts'
import { freePort } from './free-port.ts'
import type { BootRequest, Machine } from './machine.ts'
import { killSession } from './server-process.ts'
import { ChildShell, quote } from './shell.ts'

const STOP_TIMEOUT_MS = 20_000

/** @param commandPrefix see {@link Machine.commandPrefix}. @param afterwards runs once the server has ended. */
export function localMachine(
  { folder, program, reaper }: BootRequest,
  commandPrefix: readonly string[] = [],
  afterwards: () => Promise<string[]> = async () => [],
): Machine {
  const workFolder = join(folder, 'work')
  mkdirSync(workFolder)
  const shell = new ChildShell()
  // Twice: the lab may have died while a server was being started.
  const kill = killSession(workFolder)
  const forget = reaper.add(`${kill}; sleep 1; ${kill}; rm -rf ${quote(folder)}`)
  return {
    shell,
    workFolder,
    programFolder: program?.folder ?? null,
    commandPrefix,
    sampleSeconds: 0.2,
    bootSeconds: 0,
    openPort: async () => {
      const port = await freePort()
      return { port, host: '127.0.0.1', url: `http://127.0.0.1:${port}` }
    },
    death: () => null,
    consoleTail: () => '',
    stop: async () => {
      const session = sessionOf(workFolder)
      await shell.run(killSession(workFolder), { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) })
      const leftovers = [...(await survivors(session)), ...(await afterwards())]
      forget()
      return leftovers
    },
  }
}

/** Free bytes of the disk that a folder is on. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

function sessionOf(workFolder: string): number | null {
  try {
    return Number(readFileSync(join(workFolder, 'session'), 'utf8'))
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** Processes of the session that are still there after SIGKILL, given half a second to go. */
async function survivors(session: number | null): Promise<string[]> {
  if (session === null) return []
  for (let attempt = 0; attempt < 10; attempt++) {
    const alive = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isInSession(name, session))
    if (alive.length === 0) return []
    if (attempt === 9) return alive.map((pid) => `process ${pid}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return []
}

function isInSession(pid: string, session: number): boolean {
  const stat = readProcessStat(pid)
  return stat?.session === session && stat.state !== 'Z'
}
