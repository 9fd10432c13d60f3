/** Where a Packer may keep temporary files. */
import { join, resolve } from 'node:path'
import { systemErrorCode } from '../base/index.ts'
import { BuildError } from './errors.ts'

/** Bytes that a path may have for a socket with a name of Packer's in it to fit into 107 (unix(7)). */
const MAX_PATH = 80

/** A path for `name` in the TMPDIR of `env`, or, where that lies too deep for sockets, in /tmp. Absolute. */
export function tempPath(name: string, env: NodeJS.ProcessEnv, cwd: string): string {
  const wanted = resolve(cwd, tmpdirOf(env) || '/tmp', name)
  return Buffer.byteLength(wanted) <= MAX_PATH ? wanted : join('/tmp', name)
}

/** What the user's programs take for temporary files; '': their own default. */
export function tmpdirOf(env: NodeJS.ProcessEnv): string {
  return env['TMPDIR'] ?? ''
}

/** The error for a folder that could not be made because the folder for temporary files is missing. */
export function missingTempFolder(folder: string, cause: unknown): unknown {
  if (systemErrorCode(cause) !== 'ENOENT') return cause
  return new BuildError('PACKER_FAILED', `the folder for temporary files, ${folder}, does not exist`, {
    hint: 'Make it, or set TMPDIR to another one.',
    cause,
  })
}
