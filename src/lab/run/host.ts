/** The state of this host: how loaded it is, and whether it is quiet enough to measure. */
import { readFileSync, statfsSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { VERSION } from '../../base/index.ts'
import type { Environment, Iteration } from '../results/result.ts'

type HostLoad = Iteration['host_before']

/** Below this share of time in which some task waits for a CPU the host counts as quiet, percent. */
const QUIET_PERCENT = 10
const LOOK_MS = 2000
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x2fc12fc1: 'zfs',
  0x6969: 'nfs',
}

export function hostLoad(): HostLoad {
  return {
    load_1m: loadavg()[0] ?? 0,
    cpu_pressure_percent: pressure('cpu'),
    io_pressure_percent: pressure('io'),
  }
}

/**
 * Waits until the host is quiet, at most `timeoutMs`. The kernel's average of ten seconds still knows the iteration
 * before, so once it is too high the seconds from now on are looked at.
 * @returns whether it is; true where the kernel cannot tell.
 */
export async function waitUntilQuiet(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  if ((pressure('cpu') ?? 0) < QUIET_PERCENT) return true
  while (performance.now() < deadline) {
    const [startedAt, before] = [performance.now(), waitedMs()]
    await sleep(Math.min(LOOK_MS, deadline - performance.now()), undefined, { signal })
    const share = (waitedMs() - before) / (performance.now() - startedAt)
    if (share * 100 < QUIET_PERCENT) return true
  }
  return false
}

/** For how long some task has waited for a CPU since the host booted. */
function waitedMs(): number {
  return Number(/^some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1] ?? 0) / 1000
}

export function environment(scratchFolder: string): Environment {
  const processors = cpus()
  return {
    lab_version: VERSION,
    node_version: process.version,
    kernel: release(),
    cpu: processors[0]?.model ?? 'unknown',
    cpus: processors.length,
    host_memory_bytes: totalmem(),
    disk: FILE_SYSTEMS[statfsSync(scratchFolder).type] ?? 'unknown',
  }
}

/** `avg10` of `some` in /proc/pressure (kernel docs, accounting/psi), percent; null where that is not there. */
function pressure(resource: 'cpu' | 'io'): number | null {
  try {
    const average = /^some avg10=([\d.]+)/.exec(readFileSync(`/proc/pressure/${resource}`, 'utf8'))?.[1]
    return average === undefined ? null : Number(average)
  } catch {
    return null
  }
}
