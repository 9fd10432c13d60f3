/**
 * Which process something belongs to, so exactly that another one can tell whether it still lives: the system gives a
 * pid alone to another process soon, and each container counts its own.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemErrorCode } from './errors.ts'
import { parseProcessStat } from './process-stat.ts'

export interface ProcessIdentity {
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

export const SELF: ProcessIdentity = {
  host: hostname(),
  boot: readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)),
  namespace: readOr('', () => readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')),
  pid: process.pid,
  // A /proc of another pid namespace tells of other processes.
  started: readOr('', () => (readlinkSync('/proc/self') === `${process.pid}` ? (startTime(process.pid) ?? '') : '')),
}

/** What makes a pid and a start time mean something: this boot, this pid namespace. */
export const PLACE = `${SELF.boot}.${SELF.namespace}`

export function isSelf(owner: ProcessIdentity): boolean {
  return owner.pid === SELF.pid && owner.started === SELF.started && isNear(owner)
}

/** Whether the owner's pid means something to this process. */
export function isNear(owner: ProcessIdentity): boolean {
  return owner.host === SELF.host && owner.boot === SELF.boot && owner.namespace === SELF.namespace
}

/** A zombie counts as dead: it will never release anything. */
export function liveness(owner: ProcessIdentity): Liveness {
  if (isSelf(owner)) return 'alive'
  if (owner.host === SELF.host && owner.boot !== SELF.boot) return 'dead'
  if (!isNear(owner)) return 'unknown'
  if (SELF.started === '') return exists(owner.pid) ? 'unknown' : 'dead'
  return startTime(owner.pid) === owner.started ? 'alive' : 'dead'
}

/** What `identityName` makes, or a pid alone as in names that older versions wrote. For a regular expression. */
export const IDENTITY_NAME = String.raw`\d+|[0-9a-f]{8}-[0-9a-f]*-\d*-\d+-\d*`

/** The identity as a part of a file's name: letters, digits and dashes. */
export function identityName({ host, boot, namespace, pid, started }: ProcessIdentity = SELF): string {
  return [shortHost(host), boot, namespace, pid, started].join('-')
}

/** Liveness of the process of a name that `IDENTITY_NAME` matches. A pid alone counts as a pid of this namespace. */
export function livenessOfName(name: string): Liveness {
  const [host = '', boot = '', namespace = '', pid, started = ''] = name.split('-')
  if (pid === undefined) return exists(Number(name)) ? 'unknown' : 'dead'
  return liveness({
    host: host === shortHost(SELF.host) ? SELF.host : host,
    boot,
    namespace,
    pid: Number(pid),
    started,
  })
}

function shortHost(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 8)
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
