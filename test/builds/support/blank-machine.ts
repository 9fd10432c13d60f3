/** A real QEMU with a disk and no guest: the test writes to the disk in the guest's place. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { QmpClient } from '../../../src/builds/checkpoint/qmp.ts'

export interface BlankMachine {
  disk: string
  /** Where a layer is taken through. */
  qmpSocket: string
  /** Runs a command of qemu-io on the disk, such as `write -P 0x11 0 1M`. */
  io(command: string): Promise<void>
  /** Ends QEMU. The disk is whole then. */
  quit(): Promise<void>
}

export function qemuImg(...args: string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8' })
}

/** @param disks images; `io` writes to the first. */
export async function startBlankMachine(folder: string, ...disks: string[]): Promise<BlankMachine> {
  const [disk = ''] = disks
  const sockets = { layers: join(folder, `layers-${process.hrtime.bigint()}`), test: join(folder, 'test') }
  const devices = disks.flatMap((file, index) => {
    const format = file.endsWith('.raw') ? 'raw' : 'qcow2'
    return [
      '-drive',
      `file=${file},if=none,id=disk${index},format=${format},discard=unmap`,
      '-device',
      `virtio-blk,drive=disk${index}`,
    ]
  })
  const listen = Object.values(sockets).flatMap((path) => ['-qmp', `unix:${path},server,nowait`])
  const child = spawn('qemu-system-x86_64', ['-nodefaults', '-display', 'none', '-S', ...devices, ...listen], {
    // What qemu-io says of each command goes to standard output.
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const qmp = await connectTo(sockets.test)
  return {
    disk,
    qmpSocket: sockets.layers,
    async io(command) {
      await qmp.execute('human-monitor-command', { 'command-line': `qemu-io disk0 "${command}"` })
    },
    async quit() {
      await qmp.execute('quit')
      qmp[Symbol.dispose]()
      await ended
    },
  }
}

/** There is a moment between the making of the socket's file and its listening. */
async function connectTo(path: string): Promise<QmpClient> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await QmpClient.connect(path)
    } catch (error) {
      if (tries === 500) throw error
      await sleep(20)
    }
  }
}
