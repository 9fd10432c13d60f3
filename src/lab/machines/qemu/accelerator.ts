/**
 * Whether KVM works here. The device may be there and open, and a machine still never gets past its first
 * instruction.
 */
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeDurably } from '../../../storage/index.ts'
import { cacheFolder } from '../../cache-folder.ts'
import { READY_LINE } from './guest.ts'
import type { Image } from './image.ts'
import { QemuProcess } from './qemu-process.ts'

const PROBE_TIMEOUT_MS = 10_000

export type Accelerator = 'kvm' | 'tcg'

/** By a timed boot, once since this host booted; the answer is kept in the cache. */
export async function findAccelerator(image: Image, signal: AbortSignal): Promise<Accelerator> {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return 'tcg'
  }
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const cache = join(cacheFolder(), `accelerator-${bootId}`)
  if (existsSync(cache)) return readFileSync(cache, 'utf8') === 'kvm' ? 'kvm' : 'tcg'
  const answer = (await bootsWithKvm(image, signal)) ? 'kvm' : 'tcg'
  writeDurably(cache, answer, 0o666)
  return answer
}

async function bootsWithKvm(image: Image, signal: AbortSignal): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-kvm-probe-'))
  const args = ['-M', 'microvm,acpi=on,rtc=on', '-accel', 'kvm', '-cpu', 'host', '-m', '128']
  const boot = [
    '-kernel',
    image.kernel,
    '-initrd',
    image.initramfs,
    '-append',
    'console=ttyS0 quiet reboot=k panic=-1 probe',
  ]
  const qemu = new QemuProcess([...args, ...boot], folder)
  try {
    return await qemu.waitForLine(READY_LINE, PROBE_TIMEOUT_MS, signal)
  } finally {
    await qemu.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * The kernel's clock, told rather than measured: a measurement under software emulation on a busy host comes out so
 * wrong that most boots hang. `lpj` is loops per jiffy at the 250 Hz of Debian's kernels.
 */
export function clockParameters(accelerator: Accelerator): string {
  if (accelerator === 'kvm') return ''
  const mhz = Number(/^cpu MHz\s*:\s*([\d.]+)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 2000)
  const khz = Math.round(mhz * 1000)
  return ` tsc=reliable no_timer_check tsc_early_khz=${khz} lpj=${khz * 4}`
}
