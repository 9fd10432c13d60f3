/**
 * Who a lock belongs to, so exactly that another process on this machine can tell whether that one still lives: a pid
 * alone is soon given to another process, a pid with its start time never is.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { parseProcessStat, systemErrorCode } from '../../base/index.ts'

export interface Owner {
  host: string
  /** The beginning of the kernel's boot id, or '' where there is none. */
  boot: string
  /** The pid namespace (a container has its own), or ''. */
  namespace: string
  pid: number
  /** Start time in clock ticks since boot, or '' where the system does not tell. */
  started: string
}

export type Liveness = 'alive' | 'dead' | 'unknown'

export const SELF: Owner = {
  host: hostname(),
  boot: readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)),
  namespace: readOr('', () => readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')),
  pid: process.pid,
  started: readOr('', () => startTime(process.pid) ?? ''),
}

export function isSelf(owner: Owner): boolean {
  return owner.pid === SELF.pid && owner.started === SELF.started && isNear(owner)
}

/** Whether the owner's pid means something to this process. */
export function isNear(owner: Owner): boolean {
  return owner.host === SELF.host && owner.boot === SELF.boot && owner.namespace === SELF.namespace
}

/** A zombie counts as dead: it will never release anything. */
export function liveness(owner: Owner): Liveness {
  if (isSelf(owner)) return 'alive'
  if (owner.host === SELF.host && owner.boot !== SELF.boot) return 'dead'
  if (!isNear(owner)) return 'unknown'
  if (SELF.started === '') return exists(owner.pid) ? 'unknown' : 'dead'
  return startTime(owner.pid) === owner.started ? 'alive' : 'dead'
}

/** Field 22 of /proc/PID/stat, or null when there is no such process or it is a zombie. See proc(5). */
function startTime(pid: number): string | null {
  const stat = parseProcessStat(readOr('', () => readFileSync(`/proc/${pid}/stat`, 'latin1')))
  return stat === null || 'ZX'.includes(stat.state) ? null : String(stat.started)
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return systemErrorCode(error) === 'EPERM'
  }
}

/** /proc is not everywhere, and a process may end while it is looked at: both mean the default. */
function readOr<T>(otherwise: T, read: () => T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
