/**
 * The image of the virtual machines, built once: Debian's cloud kernel, a tiny initramfs, a read-only root disk with
 * busybox and Node, an empty data disk. Every machine gets throw-away overlays of it.
 */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cacheFolder } from '../../cache-folder.ts'
import { findMissing, runTool } from '../../tools.ts'
import { INITRAMFS_INIT, MODULES, ROOT_INIT } from './guest.ts'
import { LabError } from '../../errors.ts'

const ROOT_DISK_SIZE = '400M'
/** Sparse: it takes what is written to it. */
export const DATA_DISK_BYTES = 24 * 2 ** 30
/** Names of the folders of images, of earlier versions too. */
const IMAGE = /^image(-[0-9a-f]{12})?$/
const TOOLS = ['apt-get', 'apt-cache', 'dpkg', 'mkfs.ext4', 'busybox', 'ldd', 'truncate']

export interface Image {
  kernel: string
  initramfs: string
  rootDisk: string
  dataDisk: string
}

/** @throws MACHINE_UNAVAILABLE when it has not been built. */
export function findImage(): Image {
  const image = imageIn(imageFolder())
  if (Object.values(image).every((path) => existsSync(path))) return image
  throw new LabError('MACHINE_UNAVAILABLE', 'no qemu machine here: its image has not been built', {
    hint: "Run 'holdfast lab image build' first; it takes about a minute.",
  })
}

/**
 * Builds it, in place of an existing one.
 * @param say is told each step.
 * @throws MACHINE_UNAVAILABLE naming the tool.
 */
export async function buildImage(say: (step: string) => void, signal: AbortSignal): Promise<Image> {
  const missing = findMissing(TOOLS)
  if (missing.length > 0 || process.arch !== 'x64') {
    throw new LabError('MACHINE_UNAVAILABLE', `the image cannot be built here: ${missing.join(', ') || process.arch}`, {
      hint: 'It needs Debian or Ubuntu on x86-64 with the packages e2fsprogs and busybox-static.',
    })
  }
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'image-build-'))
  try {
    const image = imageIn(join(work, 'image'))
    mkdirSync(dirname(image.kernel))
    say("downloading Debian's cloud kernel")
    const kernel = await unpackKernel(work, signal)
    copyFileSync(kernel.file, image.kernel)
    say(`packing the initramfs of ${kernel.version}`)
    await packInitramfs(work, kernel.modules, image.initramfs, signal)
    say('making the root disk')
    await makeRootDisk(work, image.rootDisk, signal)
    say('making the data disk')
    await makeDisk(image.dataDisk, String(DATA_DISK_BYTES), [], signal)
    for (const name of readdirSync(cacheFolder())) {
      if (IMAGE.test(name)) rmSync(join(cacheFolder(), name), { recursive: true })
    }
    renameSync(dirname(image.kernel), imageFolder())
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return findImage()
}

/** A sparse ext4 file system. @param options of mkfs.ext4, such as `-d FOLDER`. */
export async function makeDisk(path: string, size: string, options: string[], signal: AbortSignal): Promise<void> {
  await runTool('truncate', ['-s', size, path], { signal })
  await runTool('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1,nodiscard', ...options, path], {
    signal,
  })
}

/** Its name changes with what we put into it, so that no run goes on with an image of an earlier version. */
function imageFolder(): string {
  const content = createHash('sha256').update(JSON.stringify([INITRAMFS_INIT, ROOT_INIT, MODULES]))
  return join(cacheFolder(), `image-${content.digest('hex').slice(0, 12)}`)
}

function imageIn(folder: string): Image {
  return {
    kernel: join(folder, 'vmlinuz'),
    initramfs: join(folder, 'initramfs.gz'),
    rootDisk: join(folder, 'root.img'),
    dataDisk: join(folder, 'data.img'),
  }
}

/** Downloads Debian's cloud kernel into the folder `work`. @returns its file and the folder of its modules. */
export async function unpackKernel(work: string, signal: AbortSignal) {
  const depends = await runTool('apt-cache', ['depends', 'linux-image-cloud-amd64'], { signal })
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1]
  if (!name) throw new LabError('MACHINE_UNAVAILABLE', "apt-cache knows no package 'linux-image-cloud-amd64'")
  await runTool('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', name], { signal, cwd: work })
  const archive = readdirSync(work).find((file) => file.endsWith('.deb')) ?? ''
  const unpacked = join(work, 'kernel')
  await runTool('dpkg', ['-x', join(work, archive), unpacked], { signal })
  const version = name.replace('linux-image-', '')
  return {
    version,
    file: join(unpacked, 'boot', `vmlinuz-${version}`),
    modules: join(unpacked, 'lib/modules', version),
  }
}

/**
 * Packs the initramfs that loads the kernel's `modules` and goes on with `/sbin/init` of the disk. Uses the folder
 * `work`.
 */
export async function packInitramfs(work: string, modules: string, target: string, signal: AbortSignal): Promise<void> {
  const tree = join(work, 'initramfs')
  mkdirSync(join(tree, 'bin'), { recursive: true })
  mkdirSync(join(tree, 'modules'))
  copyFileSync(await busybox(signal), join(tree, 'bin/busybox'))
  writeFileSync(join(tree, 'init'), INITRAMFS_INIT, { mode: 0o755 })
  for (const file of readdirSync(modules, { recursive: true, encoding: 'utf8' })) {
    const name = basename(file, '.ko')
    if (file.endsWith('.ko') && MODULES.includes(name))
      copyFileSync(join(modules, file), join(tree, 'modules', `${name}.ko`))
  }
  await runTool('sh', ['-c', 'find . | busybox cpio -o -H newc 2>/dev/null | gzip >"$1"', 'sh', target], {
    signal,
    cwd: tree,
  })
}

async function makeRootDisk(work: string, target: string, signal: AbortSignal): Promise<void> {
  const tree = join(work, 'root')
  for (const folder of ['bin', 'sbin', 'dev', 'proc', 'sys', 'tmp', 'data', 'program', 'usr', 'etc']) {
    mkdirSync(join(tree, folder), { recursive: true })
  }
  // Scripts begin with #!/usr/bin/env.
  symlinkSync('/bin', join(tree, 'usr/bin'))
  copyFileSync(await busybox(signal), join(tree, 'bin/busybox'))
  const applets = (await runTool('busybox', ['--list'], { signal }))
    .split('\n')
    .filter((name) => name && name !== 'busybox')
  for (const applet of applets) symlinkSync('busybox', join(tree, 'bin', applet))
  copyFileSync(process.execPath, join(tree, 'bin/node'))
  const libraries = (await runTool('ldd', [process.execPath], { signal })).matchAll(/(\/\S+) \(0x/g)
  for (const [, library = ''] of libraries) {
    mkdirSync(join(tree, dirname(library)), { recursive: true })
    copyFileSync(library, join(tree, library))
  }
  writeFileSync(join(tree, 'sbin/init'), ROOT_INIT, { mode: 0o755 })
  await makeDisk(target, ROOT_DISK_SIZE, ['-d', tree], signal)
}

/** The path of busybox, which has to be the static one. */
async function busybox(signal: AbortSignal): Promise<string> {
  return (await runTool('sh', ['-c', 'command -v busybox'], { signal })).trim()
}
