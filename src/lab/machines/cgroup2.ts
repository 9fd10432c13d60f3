/**
 * The server in a cgroup v2 with `memory.max` (kernel docs, admin-guide/cgroup-v2), on this host: in a cgroup that was
 * delegated to us, else in a scope of systemd's.
 *
 * Version 1 is refused. It has no throttle of dirty pages by group: a writer at its limit waits in reclaim for pages
 * that no thread submits, and on ext4 it waits inside a transaction, so every writer of that disk waits with it.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HoldfastError, messageOf, randomId } from '../../base/index.ts'
import { freeBytes, localMachine } from './local-machine.ts'
import type { BootRequest, Machine, MachineDriver } from './machine.ts'
import { LabError } from '../errors.ts'

/** What of the host it looks at; given so that a test can show it other hosts. */
export interface CgroupHost {
  /** Where cgroups are mounted. */
  root: string
  /** The cgroups of this process, as in /proc/self/cgroup. */
  ownGroups: string
  /** Whether systemd runs this host. */
  hasSystemd: boolean
}

export class Cgroup2Machine implements MachineDriver {
  readonly kind = 'cgroup2'
  readonly limitsMemory = true
  readonly bringsProgram = true
  readonly #host: CgroupHost

  constructor(host: CgroupHost = thisHost()) {
    this.#host = host
  }

  roomBytes(folder: string): number {
    return freeBytes(folder)
  }

  async check(): Promise<void> {
    this.#delegatedGroup()
  }

  async boot(request: BootRequest): Promise<Machine> {
    const group = this.#delegatedGroup()
    const limit = request.ramMb * 2 ** 20
    if (group === null) {
      const properties = ['-p', `MemoryMax=${limit}`, '-p', 'MemorySwapMax=0']
      return localMachine(request, ['systemd-run', '--scope', '--quiet', '--collect', ...properties, '--'])
    }
    const cell = join(group, `holdfast-lab-${randomId(8)}`)
    mkdirSync(cell)
    const forget = request.reaper.add(`sleep 0.3; rmdir ${cell}`)
    writeFileSync(join(cell, 'memory.max'), String(limit))
    if (existsSync(join(cell, 'memory.swap.max'))) writeFileSync(join(cell, 'memory.swap.max'), '0')
    const enter = ['sh', '-c', `echo $$ >${cell}/cgroup.procs && exec "$@"`, 'sh']
    return localMachine(request, enter, async () => {
      try {
        rmdirSync(cell)
        forget()
        return []
      } catch (error) {
        return [`cgroup ${cell}: ${messageOf(error)}`]
      }
    })
  }

  /** Where we may make cgroups with a memory limit; null when systemd will make them. @throws MACHINE_UNAVAILABLE */
  #delegatedGroup(): string | null {
    const { root, ownGroups, hasSystemd } = this.#host
    if (/^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:/m.test(ownGroups)) {
      throw unavailable(
        'this host limits memory by cgroup v1, which can freeze every writer of a disk for as long as one server is at its limit',
        'Boot it with systemd.unified_cgroup_hierarchy=1, or use --machine qemu.',
      )
    }
    const own = /^0::(.*)$/m.exec(ownGroups)?.[1]
    if (own === undefined || !existsSync(join(root, 'cgroup.controllers'))) {
      throw unavailable(`there is no cgroup v2 at ${root}`, 'Use --machine qemu.')
    }
    // A cgroup that hands controllers on may hold no processes itself, so ours is most often a sibling of the cells'.
    const group = join(root, own)
    const found = [group, dirname(group)].find((folder) => folder.startsWith(root) && handsOnMemory(folder))
    if (found !== undefined) return found
    if (hasSystemd) return null
    throw unavailable(
      `neither ${group} nor its parent hands the memory controller on, and systemd is not here to ask`,
      'Delegate a cgroup with memory in its cgroup.subtree_control and run the lab in it, or use --machine qemu.',
    )
  }
}

function handsOnMemory(group: string): boolean {
  try {
    return readFileSync(join(group, 'cgroup.subtree_control'), 'utf8').split(/\s+/).includes('memory')
  } catch {
    return false
  }
}

function thisHost(): CgroupHost {
  const ownGroups = existsSync('/proc/self/cgroup') ? readFileSync('/proc/self/cgroup', 'utf8') : ''
  return { root: '/sys/fs/cgroup', ownGroups, hasSystemd: existsSync('/run/systemd/system') }
}

function unavailable(why: string, hint: string): HoldfastError {
  return new LabError('MACHINE_UNAVAILABLE', `no cgroup2 machine here: ${why}`, { hint })
}
