/**
 * A file of Packer's manifest post-processor, changed as Packer changes it: the builds of all runs, and the id of the
 * newest one. https://developer.hashicorp.com/packer/docs/post-processors/manifest
 */
import { closeSync, openSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync, type Stats } from 'node:fs'
import { z } from 'zod'
import { HoldfastError, messageOf, systemErrorCode } from '../../base/index.ts'
import { writeDurably } from '../../storage/index.ts'
import { BuildError } from '../errors.ts'

/** A build in a manifest, as Packer wrote it. */
export type ManifestEntry = Readonly<Record<string, unknown>>

export interface PackerManifest {
  readonly builds: readonly ManifestEntry[]
  readonly last_run_uuid: string
}

const NOTHING: PackerManifest = { builds: [], last_run_uuid: '' }

const schema = z.object({
  builds: z
    .array(z.record(z.string(), z.unknown()))
    .nullish()
    .transform((builds) => builds ?? []),
  last_run_uuid: z.string().default(''),
})

/** Between tries to take Packer's lock file, ms. After the last one Packer goes on without it. */
const LOCK_DELAYS_MS = [0, 200, 400]

/** @returns null when there is no such file. @throws FILE_UNUSABLE. */
export function readManifest(path: string): PackerManifest | null {
  const info = statOf(path)
  if (!info) return null
  try {
    const text = info.isFile() ? readFileSync(path, 'utf8') : ''
    return text === '' ? NOTHING : schema.parse(JSON.parse(text))
  } catch (error) {
    throw unusable(path, error)
  }
}

/** Reads it, and writes what `change` makes of it, under Packer's lock file. @throws FILE_UNUSABLE. */
export function updateManifest(path: string, change: (manifest: PackerManifest) => PackerManifest): void {
  try {
    using lock = new PackerLock(path)
    lock.acquire()
    write(path, change(readManifest(path) ?? NOTHING))
  } catch (error) {
    throw error instanceof HoldfastError ? error : unusable(path, error)
  }
}

function write(path: string, manifest: PackerManifest): void {
  const text = goJson(manifest)
  const info = statOf(path)
  if (!info) writeDurably(path, text, 0o664)
  else if (info.isFile()) writeDurably(realpathSync(path), text, info.mode & 0o777)
  // Such as /dev/null, which a rename would replace.
  else writeFileSync(path, text)
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    throw unusable(path, error)
  }
}

/** The same bytes as Go's encoder writes. */
function goJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    /[<>&\u2028\u2029]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * Packer's own: a file beside the manifest. A run that was killed leaves it behind, so it blocks no process for long.
 */
class PackerLock implements Disposable {
  readonly #path: string

  constructor(manifest: string) {
    this.#path = `${manifest}.lock`
  }

  acquire(): void {
    for (const delayMs of LOCK_DELAYS_MS) {
      sleepSync(delayMs)
      try {
        closeSync(openSync(this.#path, 'wx', 0o600))
        return
      } catch (error) {
        if (systemErrorCode(error) !== 'EEXIST') throw error
      }
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true })
  }
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function unusable(path: string, cause: unknown): HoldfastError {
  const message = `the manifest ${path} cannot be changed: ${messageOf(cause)}`
  return new BuildError('FILE_UNUSABLE', message, { cause })
}
