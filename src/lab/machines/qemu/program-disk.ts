import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../../cache-folder.ts'
import type { Program } from '../machine.ts'
import { makeDisk } from './image.ts'

/** Room beside the files themselves, for the file system's own tables. */
const SPARE_BYTES = 16 * 2 ** 20

/** A disk image with a server's files, made once for the same content and kept in the cache. */
export async function programDisk({ folder, files }: Program, signal: AbortSignal): Promise<string> {
  const paths = files.flatMap((name) => filesUnder(folder, name)).toSorted()
  const hash = createHash('sha256')
  let bytes = 0
  for (const path of paths) {
    const content = readFileSync(join(folder, path))
    bytes += content.length
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  const target = join(cacheFolder(), 'programs', `${hash.digest('hex').slice(0, 32)}.img`)
  if (existsSync(target)) return target
  const tree = `${target}.${process.pid}.tree`
  const unfinished = `${target}.${process.pid}.tmp`
  try {
    for (const path of paths) {
      mkdirSync(join(tree, dirname(path)), { recursive: true })
      cpSync(join(folder, path), join(tree, path))
    }
    await makeDisk(unfinished, String(bytes * 2 + SPARE_BYTES), ['-d', tree], signal)
    renameSync(unfinished, target)
  } finally {
    rmSync(tree, { recursive: true, force: true })
    rmSync(unfinished, { force: true })
  }
  return target
}

/** Paths relative to `root` of all files at or under `name`. */
function filesUnder(root: string, name: string): string[] {
  if (!statSync(join(root, name)).isDirectory()) return [name]
  return readdirSync(join(root, name)).flatMap((child) => filesUnder(root, join(name, child)))
}
