import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isSea } from 'node:sea'

/** The folder of Holdfast's package.json, wherever in src/ or dist/ this code runs. */
const PACKAGE_ROOT: string = findRoot(import.meta.dirname)

/** Whether this is the TypeScript source itself rather than the built program. */
const RUNS_FROM_SOURCE: boolean = import.meta.filename.endsWith('.ts')

/** What another machine needs to run this program: files and folders of `folder`, and which of them begins it. */
export const PROGRAM = isSea()
  ? { folder: dirname(process.execPath), files: [basename(process.execPath)], main: basename(process.execPath) }
  : { folder: PACKAGE_ROOT, files: ['bin', 'dist', 'package.json'], main: 'bin/holdfast' }

/** The absolute path of a file or folder of the package. */
export function packagePath(path: string): string {
  return join(PACKAGE_ROOT, path)
}

/** The file of a module that another process runs: `stress/worker`. */
export function modulePath(name: string): string {
  return packagePath(RUNS_FROM_SOURCE ? `src/${name}.ts` : `dist/${name}.js`)
}

/**
 * A module to start a thread with: `storage/blobs/filesystem/write-worker`. It imports nothing but built-in modules,
 * because the threads of the one-file program do not see the files in it and get the text instead.
 */
export function threadModule(name: string): string | URL {
  const path = modulePath(name)
  return isSea() ? new URL(`data:text/javascript,${encodeURIComponent(readFileSync(path, 'utf8'))}`) : path
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
