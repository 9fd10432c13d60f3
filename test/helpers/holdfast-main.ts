import { globSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * The program for `node MAIN ...`: the built one, which starts in half the time, where it is newer than every source,
 * as after `npm test` has built it; else the source.
 */
export const MAIN = isBuilt() ? join(ROOT, 'dist/cli/main.js') : join(ROOT, 'src/cli/main.ts')

function isBuilt(): boolean {
  const builtMs = statSync(join(ROOT, 'dist/.stamp'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return globSync('src/**/*.ts', { cwd: ROOT }).every((path) => statSync(join(ROOT, path)).mtimeMs <= builtMs)
}
