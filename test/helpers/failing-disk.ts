/** A disk that fails: system calls of a server on chosen files answer EIO for as long as a test wants. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the shim keeps in view: see failing-disk.c. */
const PLAN_BYTES = 4096

export type FailingCall = 'read' | 'write' | 'sync' | 'rename'

export interface FailingDisk {
  /** For the server's process. */
  env: Record<string, string>
  /** From now on these calls fail on files whose paths contain `part`. */
  fail(calls: readonly FailingCall[], part: string): void
  recover(): void
}

/** @param folder where the shim is compiled. @returns null where no compiler, or no LD_PRELOAD, is at hand. */
export function failingDisk(folder: string): FailingDisk | null {
  const library = join(folder, 'failing-disk.so')
  const source = join(import.meta.dirname, 'failing-disk.c')
  if (process.platform !== 'linux') return null
  if (spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']).status !== 0) return null
  const plan = join(folder, 'plan')
  const set = (text: string) => writeFileSync(plan, text.padEnd(PLAN_BYTES, '\0'), { flag: 'r+' })
  writeFileSync(plan, Buffer.alloc(PLAN_BYTES))
  return {
    env: { LD_PRELOAD: library, FAILING_DISK: plan },
    fail: (calls, part) => set(`${calls.join(' ')}|${part}`),
    recover: () => set(''),
  }
}
