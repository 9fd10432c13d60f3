/**
 * A folder for the temporary files of one run of Packer (its TMPDIR), which a Packer that is killed leaves behind. It
 * is not in the run's folder, because Packer makes sockets there, whose paths must be short; but its name stands
 * there, from before it is made, so that whoever comes later can remove it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { isId, randomId, systemErrorCode } from '../base/index.ts'
import type { RunFolder } from './run-folder.ts'
import { missingTempFolder, tempPath } from './temp-path.ts'

const PREFIX = 'holdfast-run-'
const ID_LENGTH = 8

/** Made by this process, by the run's folder, which may be removed during the run. */
const ours = new Map<string, string>()

/** Makes it (0700) in the TMPDIR of `env`, or, where that lies too deep, in /tmp. @returns its path. */
export function makeTempFolder(run: RunFolder, env: NodeJS.ProcessEnv, cwd: string): string {
  const path = tempPath(`${PREFIX}${randomId(ID_LENGTH)}`, env, cwd)
  writeFileSync(run.temp, path, { mode: 0o600 })
  ours.set(run.path, path)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    throw missingTempFolder(dirname(path), error)
  }
  return path
}

/** Removes it, if the run has one. Only when nothing of the run lives any more. */
export function removeTempFolder(run: RunFolder): void {
  const path = read(run.temp) ?? ours.get(run.path) ?? null
  ours.delete(run.path)
  // Cut short by a full disk or a crash, it names nothing that was made.
  if (path !== null && isOurs(basename(path))) rmSync(path, { recursive: true, force: true })
  rmSync(run.temp, { force: true })
}

function isOurs(name: string): boolean {
  return name.startsWith(PREFIX) && isId(name.slice(PREFIX.length), ID_LENGTH)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}
