/** Other programs that the lab uses: whether they are there, and running them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { messageOf } from '../base/index.ts'
import { LabError } from './errors.ts'

/** System programs are there for users too, though not always on their PATH. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin']

export function findOnPath(name: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return null
}

/** The programs that are missing. */
export function findMissing(names: readonly string[]): string[] {
  return names.filter((name) => findOnPath(name) === null)
}

export interface ToolOptions {
  signal: AbortSignal
  cwd?: string
  env?: Readonly<Record<string, string>>
}

/** @returns what it wrote to standard output. @throws MACHINE_FAILED with what it wrote to standard error. */
export async function runTool(
  name: string,
  args: readonly string[],
  { signal, cwd, env }: ToolOptions,
): Promise<string> {
  const child = spawn(findOnPath(name) ?? name, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    env: { ...process.env, ...env },
    ...(cwd && { cwd }),
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  try {
    const [status] = (await once(child, 'close')) as [number | null]
    if (status !== 0) throw new Error(errors.trim() || `it ended with status ${status}`)
    return output
  } catch (error) {
    signal.throwIfAborted()
    throw new LabError('MACHINE_FAILED', `'${name} ${args.join(' ')}' failed: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
