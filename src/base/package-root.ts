import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of Holdfast's package.json, wherever in src/ or dist/ this code runs. */
const PACKAGE_ROOT: string = findRoot(import.meta.dirname)

/** Whether this is the TypeScript source itself rather than the built program. */
const RUNS_FROM_SOURCE: boolean = import.meta.filename.endsWith('.ts')

/** The absolute path of a file or folder of the package. */
export function packagePath(path: string): string {
  return join(PACKAGE_ROOT, path)
}

/** The file of a module that is loaded by path, such as a worker: `storage/blobs/filesystem/write-worker`. */
export function modulePath(name: string): string {
  return packagePath(RUNS_FROM_SOURCE ? `src/${name}.ts` : `dist/${name}.js`)
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
