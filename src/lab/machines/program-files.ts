import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './machine.ts'

/**
 * The files of a program, by their paths in its folder, their bytes together, and a SHA-256 of it all in lower-case
 * hex.
 */
export function programFiles({ folder, files }: Program): { paths: string[]; bytes: number; digest: string } {
  const paths = files.flatMap((name) => filesUnder(folder, name)).toSorted()
  const hash = createHash('sha256')
  let bytes = 0
  for (const path of paths) {
    const content = readFileSync(join(folder, path))
    bytes += content.length
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return { paths, bytes, digest: hash.digest('hex') }
}

/** Paths relative to `root` of all files at or under `name`. */
function filesUnder(root: string, name: string): string[] {
  if (!statSync(join(root, name)).isDirectory()) return [name]
  return readdirSync(join(root, name)).flatMap((child) => filesUnder(root, join(name, child)))
}
