/**
 * The smallest machine that Packer can build in: Debian's kernel, busybox and dropbear on 64 MB of ext4. Made once from
 * installed packages (and the kernel's, downloaded) and kept in the lab's cache; boots in some 5 s without KVM.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf, systemErrorCode } from '../../../src/base/index.ts'
import { cacheFolder } from '../../../src/lab/cache-folder.ts'
import { clockParameters } from '../../../src/lab/machines/qemu/accelerator.ts'
import { findImage, makeDisk, packInitramfs, unpackKernel } from '../../../src/lab/machines/qemu/image.ts'
import { findMissing, runTool } from '../../../src/lab/tools.ts'

const TOOLS = [
  'packer',
  'qemu-system-x86_64',
  'qemu-img',
  'mkfs.ext4',
  'debugfs',
  'busybox',
  'dropbear',
  'dropbearkey',
  'scp',
  'ssh-keygen',
]
const INIT = `#!/bin/sh
export PATH=/bin:/sbin HOME=/root
mount -o remount,rw /
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs tmp /tmp
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
exec dropbear -F -E
`

export interface Guest {
  /** qcow2; only to be read. */
  disk: string
  /** Of root. */
  sshKey: string
  /** For Packer. */
  qemuargs: readonly (readonly string[])[]
}

/** @returns the guest, or why it cannot be had here. */
export async function findGuest(): Promise<Guest | string> {
  const missing = findMissing(TOOLS)
  if (missing.length > 0 || process.arch !== 'x64') return `missing here: ${missing.join(', ') || 'x86-64'}`
  const folder = join(cacheFolder(), 'build-guest-1')
  try {
    if (!existsSync(folder)) await makeGuest(folder)
  } catch (error) {
    return `the guest cannot be made: ${messageOf(error)}`
  }
  return {
    disk: join(folder, 'disk.qcow2'),
    sshKey: join(folder, 'key'),
    qemuargs: [
      ['-kernel', join(folder, 'vmlinuz')],
      ['-initrd', join(folder, 'initramfs.gz')],
      ['-append', `quiet panic=-1 mitigations=off random.trust_cpu=on${clockParameters('tcg')}`],
    ],
  }
}

/** Another test file may be making it too: the first to be ready wins. */
async function makeGuest(folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true })
  const work = mkdtempSync(join(dirname(folder), 'build-guest-work-'))
  try {
    const made = join(work, 'guest')
    mkdirSync(made)
    await provideKernel(work, made)
    await makeRoot(work, made)
    renameSync(made, folder)
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOTEMPTY') throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The lab's, where its image has been built. */
async function provideKernel(work: string, target: string): Promise<void> {
  const { signal } = new AbortController()
  const files = { kernel: join(target, 'vmlinuz'), initramfs: join(target, 'initramfs.gz') }
  try {
    const image = findImage()
    copyFileSync(image.kernel, files.kernel)
    copyFileSync(image.initramfs, files.initramfs)
  } catch {
    const kernel = await unpackKernel(work, signal)
    copyFileSync(kernel.file, files.kernel)
    await packInitramfs(work, kernel.modules, files.initramfs, signal)
  }
}

async function makeRoot(work: string, target: string): Promise<void> {
  const tree = join(work, 'root')
  const tool = (name: string, ...args: string[]) => runTool(name, args, { signal: new AbortController().signal })
  for (const path of ['bin', 'sbin', 'dev', 'proc', 'sys', 'tmp', 'etc/dropbear', 'root/.ssh']) {
    mkdirSync(join(tree, path), { recursive: true, mode: path.startsWith('root') ? 0o700 : 0o755 })
  }
  for (const name of ['busybox', 'dropbear', 'scp']) await copyProgram(name, tree)
  for (const applet of (await tool('busybox', '--list')).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(tree, 'bin', applet))
  }
  const key = join(target, 'key')
  await tool('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key)
  copyFileSync(`${key}.pub`, join(tree, 'root/.ssh/authorized_keys'))
  // Packer's ssh takes ECDSA first; dropbear offers RSA whether or not it has a key.
  for (const type of ['rsa', 'ecdsa']) {
    await tool('dropbearkey', '-t', type, '-f', join(tree, 'etc/dropbear', `dropbear_${type}_host_key`))
  }
  writeFileSync(join(tree, 'etc/passwd'), 'root::0:0:root:/root:/bin/sh\n')
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\n')
  writeFileSync(join(tree, 'etc/shells'), '/bin/sh\n')
  writeFileSync(join(tree, 'sbin/init'), INIT, { mode: 0o755 })
  const raw = join(work, 'disk.raw')
  await makeDisk(raw, '64M', ['-d', tree], new AbortController().signal)
  await tool('qemu-img', 'convert', '-O', 'qcow2', raw, join(target, 'disk.qcow2'))
}

/** With the libraries that it uses. */
async function copyProgram(name: string, tree: string): Promise<void> {
  const { signal } = new AbortController()
  const path = (await runTool('sh', ['-c', `PATH=$PATH:/usr/sbin; command -v ${name}`], { signal })).trim()
  copyFileSync(path, join(tree, 'bin', name))
  if (name === 'busybox') return
  const libraries = (await runTool('ldd', [path], { signal })).matchAll(/(\/\S+) \(0x/g)
  for (const [, library = ''] of libraries) {
    mkdirSync(dirname(join(tree, library)), { recursive: true })
    copyFileSync(library, join(tree, library))
  }
}
