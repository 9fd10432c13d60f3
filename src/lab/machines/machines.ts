/** The one place that knows which kinds of machine there are. */
import { HoldfastError } from '../../base/index.ts'
import { Cgroup2Machine } from './cgroup2.ts'
import type { MachineDriver } from './machine.ts'
import { ProcessMachine } from './process.ts'
import { QemuMachine } from './qemu/qemu.ts'
import { SshMachine } from './ssh.ts'
import { LabError } from '../errors.ts'

/** What `--machine` takes, for help and errors. */
export const MACHINES_ALLOWED = 'process, cgroup2, qemu or ssh:HOST'

/** @throws INVALID_REQUEST for a text that is not a kind of machine. */
export function parseMachine(text: string): MachineDriver {
  if (text === 'process') return new ProcessMachine()
  if (text === 'cgroup2') return new Cgroup2Machine()
  if (text === 'qemu') return new QemuMachine()
  const host = /^ssh:([\w.@-]+)$/.exec(text)?.[1]
  if (host !== undefined && !host.startsWith('-')) return new SshMachine(host)
  throw new LabError('INVALID_REQUEST', `--machine: ${JSON.stringify(text)} is not ${MACHINES_ALLOWED}`)
}

/** The default machine: with a memory limit where that costs nothing, else plain processes. */
export async function defaultMachine(): Promise<MachineDriver> {
  const limited = new Cgroup2Machine()
  try {
    await limited.check()
    return limited
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'MACHINE_UNAVAILABLE') return new ProcessMachine()
    throw error
  }
}
