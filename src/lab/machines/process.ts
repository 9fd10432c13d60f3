import { freeBytes, localMachine } from './local-machine.ts'
import type { MachineDriver } from './machine.ts'

/** The server as a plain process of this host. Limits nothing, measures all; the one kind that is always there. */
export class ProcessMachine implements MachineDriver {
  readonly kind = 'process'
  readonly limitsMemory = false
  readonly bringsProgram = true

  roomBytes(folder: string): number {
    return freeBytes(folder)
  }

  async check(): Promise<void> {
    // Every host has processes.
  }

  async boot(request: Parameters<MachineDriver['boot']>[0]) {
    return localMachine(request)
  }
}
