import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../../cache-folder.ts'
import type { Program } from '../machine.ts'
import { programFiles } from '../program-files.ts'
import { makeDisk } from './image.ts'

/** Room beside the files themselves, for the file system's own tables. */
const SPARE_BYTES = 16 * 2 ** 20

/** More than a run has targets. */
const IMAGES_KEPT = 12

/** A disk image with a server's files, made once for the same content and kept in the cache. */
export async function programDisk(program: Program, signal: AbortSignal): Promise<string> {
  const { folder } = program
  const { paths, bytes, digest } = programFiles(program)
  const target = join(cacheFolder(), 'programs', `${digest.slice(0, 32)}.img`)
  if (existsSync(target)) {
    utimesSync(target, new Date(), new Date())
    return target
  }
  const tree = `${target}.${process.pid}.tree`
  const unfinished = `${target}.${process.pid}.tmp`
  try {
    for (const path of paths) {
      mkdirSync(join(tree, dirname(path)), { recursive: true })
      cpSync(join(folder, path), join(tree, path))
    }
    await makeDisk(unfinished, String(bytes * 2 + SPARE_BYTES), ['-d', tree], signal)
    renameSync(unfinished, target)
    removeOld(dirname(target))
  } finally {
    rmSync(tree, { recursive: true, force: true })
    rmSync(unfinished, { force: true })
  }
  return target
}

/** Each build of a server leaves an image here; the least recently used go. */
function removeOld(folder: string): void {
  const images = readdirSync(folder)
    .filter((name) => name.endsWith('.img'))
    .map((name) => ({ path: join(folder, name), usedAt: statSync(join(folder, name)).mtimeMs }))
    .toSorted((a, b) => b.usedAt - a.usedAt)
  for (const { path } of images.slice(IMAGES_KEPT)) rmSync(path)
}
