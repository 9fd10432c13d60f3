/**
 * A folder for what `packer console` and `packer validate` leave when they are killed: logs and the sockets of
 * plugins. It is their TMPDIR and goes with the answer, or, when Holdfast is killed too, with the next build.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { identityName, isId, livenessOfName, randomId } from '../base/index.ts'
import { missingTempFolder, tempPath, tmpdirOf } from './temp-path.ts'

const PREFIX = 'holdfast-ask-'
const ID_LENGTH = 8
/** The file that names the process that asks. */
const OWNER = 'owner'
/** A folder without an owner is being made, or was left by a crash right then. */
const MAKING_MS = 60_000

export class AnswerFolder implements Disposable {
  readonly path: string

  /** @throws PACKER_FAILED when the folder for temporary files does not exist. */
  constructor(env: NodeJS.ProcessEnv, cwd: string) {
    this.path = tempPath(`${PREFIX}${randomId(ID_LENGTH)}`, env, cwd)
    try {
      mkdirSync(this.path, { mode: 0o700 })
      writeFileSync(join(this.path, OWNER), identityName())
    } catch (error) {
      throw missingTempFolder(dirname(this.path), error)
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Removes the folders of dead processes. What cannot be read belongs to another user, and stays. */
export function sweepAnswerFolders(env: NodeJS.ProcessEnv): void {
  for (const parent of new Set([tmpdirOf(env) || '/tmp', '/tmp'])) {
    const names = ifReadable(() => readdirSync(parent)) ?? []
    for (const name of names) {
      if (!name.startsWith(PREFIX) || !isId(name.slice(PREFIX.length), ID_LENGTH)) continue
      const path = join(parent, name)
      ifReadable(() => {
        if (isAbandoned(path)) rmSync(path, { recursive: true, force: true })
      })
    }
  }
}

function isAbandoned(path: string): boolean {
  const owner = ifReadable(() => readFileSync(join(path, OWNER), 'utf8'))
  if (owner) return livenessOfName(owner) === 'dead'
  return Date.now() - statSync(path).mtimeMs > MAKING_MS
}

/** Others may remove files meanwhile. */
function ifReadable<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
