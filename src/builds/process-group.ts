/**
 * The processes of one run of Packer: a group of their own, named by the pid and the start time of its first process,
 * so that a pid which the system gave to another process in the meantime is never taken for ours. See proc(5).
 */
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseProcessStat, PLACE, readProcessStat, systemErrorCode } from '../base/index.ts'

export interface ProcessGroup {
  /** Of its first process, and of the group. */
  readonly pid: number
  /** Boot id, pid namespace and start time in clock ticks, with dots between. */
  readonly startedAt: string
}

/** How long Packer may take to clean up, ms: it may have to delete machines. */
export const CLEANUP_GRACE_MS = 120_000
const POLL_MS = 50

/** The group whose first process has this line in its /proc/PID/stat, with its `PLACE` behind unless that is ours. */
export function groupOf(statLine: string): ProcessGroup | null {
  const stat = parseProcessStat(statLine)
  const place = /[ ]([0-9a-f]*\.\d*)\n?$/.exec(statLine)?.[1] ?? PLACE
  return stat && { pid: stat.pid, startedAt: `${place}.${stat.started}` }
}

/** Pids of the group that live. Zombies do not; nor does, to us, what another boot or container started. */
export function membersOf({ pid, startedAt }: ProcessGroup): number[] {
  const started = Number(startedAt.slice(startedAt.lastIndexOf('.') + 1))
  if (!startedAt.startsWith(`${PLACE}.`) || !canSignal(-pid)) return []
  const leader = readProcessStat(pid)
  if (leader && leader.started !== started) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readProcessStat)
    .filter((stat) => stat !== null)
    .filter((stat) => stat.group === pid && stat.started >= started && !'ZX'.includes(stat.state))
    .map((stat) => stat.pid)
}

/** Whether any process of the group lives. */
export function isAlive(group: ProcessGroup): boolean {
  const leader = group.startedAt.startsWith(`${PLACE}.`) ? readProcessStat(group.pid) : null
  const isLeader = leader !== null && group.startedAt.endsWith(`.${leader.started}`) && !'ZX'.includes(leader.state)
  return isLeader || membersOf(group).length > 0
}

/** Sends a signal to all of the group, once. Does nothing when none of it lives. */
export function signalGroup(group: ProcessGroup, signal: NodeJS.Signals): void {
  if (membersOf(group).length === 0) return
  try {
    process.kill(-group.pid, signal)
  } catch (error) {
    // It ended this moment.
    if (systemErrorCode(error) !== 'ESRCH') throw error
  }
}

/**
 * Asks the group to end (INT, at which Packer cleans up), and after `graceMs`, or when `kill` says so, kills it.
 * Resolves when none of it lives.
 */
export async function endGroup(group: ProcessGroup, graceMs: number, kill?: AbortSignal): Promise<void> {
  if (membersOf(group).length === 0) return
  signalGroup(group, 'SIGINT')
  const killAt = performance.now() + graceMs
  while (membersOf(group).length > 0) {
    if (performance.now() >= killAt || kill?.aborted) signalGroup(group, 'SIGKILL')
    await sleep(POLL_MS)
  }
}

function canSignal(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return systemErrorCode(error) === 'EPERM'
  }
}
