/**
 * A virtual machine with as much memory as a cell wants: a real kernel, real page cache, real OOM killer. KVM where
 * that works, else software emulation, which is some ten times slower: figures of the two kinds are not to be
 * compared.
 */
import { HoldfastError } from '../../../base/index.ts'
import { findMissing, runTool } from '../../tools.ts'
import { freePort } from '../free-port.ts'
import { freeBytes } from '../local-machine.ts'
import type { BootRequest, Machine, MachineDeath, MachineDriver } from '../machine.ts'
import { quote, SocketShell } from '../shell.ts'
import { clockParameters, findAccelerator, type Accelerator } from './accelerator.ts'
import { READY_LINE, SERVER_PORT, SHELL_PORT } from './guest.ts'
import { DATA_DISK_BYTES, findImage, type Image } from './image.ts'
import { programDisk } from './program-disk.ts'
import { QEMU, QemuProcess } from './qemu-process.ts'
import { LabError } from '../../errors.ts'

const BOOT_TIMEOUT_MS = { kvm: 30_000, tcg: 90_000 }
const OUT_OF_MEMORY =
  /Out of memory: Killed process|deadlocked on memory|not enough memory|Initramfs unpacking failed: write error/
const MIN_RAM_MB = 72

export class QemuMachine implements MachineDriver {
  readonly kind = 'qemu'
  readonly limitsMemory = true
  readonly bringsProgram = true

  roomBytes(folder: string): number {
    return Math.min(DATA_DISK_BYTES, freeBytes(folder))
  }

  async check(): Promise<void> {
    const missing = findMissing([QEMU, 'qemu-img', 'mkfs.ext4'])
    if (missing.length > 0 || process.arch !== 'x64') {
      throw new LabError('MACHINE_UNAVAILABLE', `no qemu machine here: ${missing.join(', ') || process.arch}`, {
        hint: 'It needs x86-64 and the Debian packages qemu-system-x86, qemu-utils and e2fsprogs.',
      })
    }
    findImage()
  }

  async boot(request: BootRequest): Promise<Machine> {
    const { folder, program, ramMb, reaper, signal } = request
    if (ramMb < MIN_RAM_MB) {
      throw new LabError('MACHINE_FAILED', `no kernel boots in ${ramMb} MB; at least ${MIN_RAM_MB} are allowed`)
    }
    const image = findImage()
    const accelerator = await findAccelerator(image, signal)
    const overlay = `${folder}/data.qcow2`
    await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', image.dataDisk, overlay], { signal })
    const disks = [`file=${image.rootDisk},format=raw,readonly=on`, `file=${overlay},format=qcow2`]
    if (program) disks.push(`file=${await programDisk(program, signal)},format=raw,readonly=on`)
    const ports = { shell: await freePort(), server: await freePort() }
    const startedAt = performance.now()
    const qemu = new QemuProcess(qemuArgs({ image, accelerator, ramMb, disks, ports }), folder)
    const forget = reaper.add(`kill -KILL ${qemu.pid}; rm -rf ${quote(folder)}`)
    const stop = async () => {
      await qemu.kill()
      forget()
      return []
    }
    try {
      if (!(await qemu.waitForLine(READY_LINE, BOOT_TIMEOUT_MS[accelerator], signal)))
        throw bootFailure(qemu, ramMb, accelerator)
    } catch (error) {
      await stop()
      throw error
    }
    return {
      shell: new SocketShell(ports.shell),
      workFolder: '/data/work',
      programFolder: program ? '/program' : null,
      commandPrefix: [],
      sampleSeconds: accelerator === 'kvm' ? 0.2 : 1,
      bootSeconds: (performance.now() - startedAt) / 1000,
      openPort: async () => ({ port: SERVER_PORT, host: '0.0.0.0', url: `http://127.0.0.1:${ports.server}` }),
      death: () => deathOf(qemu),
      consoleTail: () => qemu.tail(),
      stop,
    }
  }
}

interface QemuWish {
  image: Image
  accelerator: Accelerator
  ramMb: number
  disks: readonly string[]
  ports: { shell: number; server: number }
}

function qemuArgs({ image, accelerator, ramMb, disks, ports }: QemuWish): string[] {
  const kernel = `console=ttyS0 quiet reboot=k panic=-1 mitigations=off random.trust_cpu=on${clockParameters(accelerator)}`
  const forwards = [
    `hostfwd=tcp:127.0.0.1:${ports.shell}-:${SHELL_PORT}`,
    `hostfwd=tcp:127.0.0.1:${ports.server}-:${SERVER_PORT}`,
  ]
  return [
    ['-M', 'microvm,acpi=on,pcie=on,rtc=on,pit=on,pic=on', '-m', String(ramMb), '-smp', '1'],
    accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ['-kernel', image.kernel, '-initrd', image.initramfs, '-append', kernel],
    disks.flatMap((disk, index) => [
      '-drive',
      `if=none,id=d${index},${disk}`,
      '-device',
      `virtio-blk-pci,drive=d${index}`,
    ]),
    // restrict=on: the guest reaches nothing but us.
    ['-netdev', `user,id=n,restrict=on,${forwards.join(',')}`, '-device', 'virtio-net-pci,netdev=n,romfile='],
  ].flat()
}

function bootFailure(qemu: QemuProcess, ramMb: number, accelerator: Accelerator): HoldfastError {
  const outOfMemory = OUT_OF_MEMORY.test(qemu.consoleText())
  const limit = `${BOOT_TIMEOUT_MS[accelerator] / 1000} s`
  const what = qemu.hasExited ? 'ended before it had booted' : `did not boot within ${limit}`
  const why = outOfMemory ? ` for lack of memory (${ramMb} MB)` : ''
  return new LabError('MACHINE_FAILED', `the virtual machine ${what}${why}`, {
    retryable: !outOfMemory,
    details: { outOfMemory, log: qemu.tail() },
  })
}

function deathOf(qemu: QemuProcess): MachineDeath | null {
  if (!qemu.hasExited) return null
  return { message: 'the virtual machine has ended', outOfMemory: OUT_OF_MEMORY.test(qemu.consoleText()) }
}
