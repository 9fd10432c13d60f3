/** Files that a build made: what they are now, and whether they are still what they were. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { HoldfastError, systemErrorCode } from '../base/index.ts'
import type { Artifact, Build } from '../state/index.ts'
import type { PackerArtifact } from './packer-log.ts'
import { metadataOf } from './record.ts'
import { BuildError } from './errors.ts'

export interface MadeFile {
  /** Absolute. */
  readonly path: string
  /** Who made it, in Packer's terms. */
  readonly type: string
}

export interface Measured {
  readonly artifacts: readonly Artifact[]
  /** When each was last written, ms since 1970, by path. */
  readonly times: Readonly<Record<string, number>>
}

/** Only what is needed of it: https://developer.hashicorp.com/packer/docs/post-processors/manifest */
const manifestSchema = z.object({
  builds: z.array(z.object({ builder_type: z.string(), files: z.array(z.object({ name: z.string() })).nullish() })),
})

/**
 * The files of a run: the files that Packer reported at its end, and the manifest's files that still exist (a
 * post-processor may have replaced them). Relative paths start at `workingFolder`.
 */
export function madeFiles(manifest: string, reported: readonly PackerArtifact[], workingFolder: string): MadeFile[] {
  const made = new Map<string, MadeFile>()
  const add = (name: string, type: string) => {
    const path = resolve(workingFolder, name)
    if (!made.has(path)) made.set(path, { path, type })
  }
  for (const { builderId, files } of reported) for (const file of files) add(file, builderId)
  for (const { name, type } of filesOfManifest(manifest)) if (existsSync(resolve(workingFolder, name))) add(name, type)
  return [...made.values()]
}

function filesOfManifest(path: string): { name: string; type: string }[] {
  if (!existsSync(path)) return []
  const { builds } = parseManifest(readFileSync(path, 'utf8'), path)
  return builds.flatMap((build) => (build.files ?? []).map(({ name }) => ({ name, type: build.builder_type })))
}

function parseManifest(text: string, path: string): z.infer<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new BuildError('ARTIFACT_DAMAGED', `${path}, Packer's list of what it made, is damaged`, { cause: error })
  }
}

/**
 * Sizes and hashes of the files as they are on the disk. Published links of files with the same content are kept.
 * @throws ARTIFACT_DAMAGED when one is not there or changes while it is read; the signal's reason.
 */
export async function measure(
  files: readonly MadeFile[],
  earlier: readonly Artifact[],
  signal: AbortSignal,
): Promise<Measured> {
  const artifacts: Artifact[] = []
  const times: Record<string, number> = {}
  for (const { path, type } of files) {
    const before = await statOf(path)
    if (!before) throw damaged(path, 'Packer reported it, but it is not there')
    if (!before.isFile()) continue
    const sha256 = await sha256Of(path, signal)
    const after = await statOf(path)
    if (after?.size !== before.size || after.mtimeMs !== before.mtimeMs) {
      throw damaged(path, 'another process wrote to it while it was read')
    }
    const url = earlier.find((known) => known.path === path && known.sha256 === sha256)?.url ?? null
    artifacts.push({ path, sizeBytes: before.size, sha256, url, type })
    times[path] = before.mtimeMs
  }
  return { artifacts, times }
}

/**
 * The problem with a build's artifacts, in words, or null when all are there and whole. Size and time of the last
 * write are trusted; where they have changed, the content decides.
 */
export async function whatIsWrong(build: Build, signal: AbortSignal): Promise<string | null> {
  const times = metadataOf(build)?.artifactTimes ?? {}
  for (const { path, sizeBytes, sha256 } of build.artifacts) {
    const now = await statOf(path)
    if (!now) return `its artifact ${path} is gone`
    if (now.size !== sizeBytes) return `its artifact ${path} has another size`
    if (now.mtimeMs !== times[path] && (await sha256Of(path, signal)) !== sha256) {
      return `its artifact ${path} has another content`
    }
  }
  return null
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal })
  return hash.digest('hex')
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return null
    throw error
  }
}

function damaged(path: string, why: string): HoldfastError {
  return new BuildError('ARTIFACT_DAMAGED', `the artifact ${path} cannot be recorded: ${why}`)
}
