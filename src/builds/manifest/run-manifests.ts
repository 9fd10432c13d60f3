/**
 * The manifests of the user's template, kept as one `packer build` of all its sources leaves them. Each source has a
 * Packer, and so a run id, of its own: its manifest post-processors write into the run's folder, and a step right
 * behind each of them moves what they wrote into the user's file, under the id of the whole `holdfast build`.
 */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { modulePath } from '../../base/index.ts'
import { lockFile, writeDurably } from '../../storage/index.ts'
import type { Packer } from '../packer.ts'
import type { RunFolder } from '../run-folder.ts'
import { manifestFile } from '../template/manifest-step.ts'
import type { LoadedTemplate } from '../template/load.ts'
import type { DeriveOptions } from '../template/template.ts'
import { readManifest, updateManifest, type ManifestEntry, type PackerManifest } from './packer-manifest.ts'
import { BuildError } from '../errors.ts'

const termsSchema = z.object({
  /** Stands in manifests in the place of Packer's run id. */
  runUuid: z.string(),
  /** Whether the first entry of a run replaces the entries of all earlier runs. */
  force: z.boolean(),
  /** Absolute. Packer's own lock file gives way after 600 ms. */
  lock: z.string(),
})

/** Shared by all sources of one `holdfast build`. */
export type ManifestTerms = Readonly<z.infer<typeof termsSchema>>

/** @param isForced whether the user said --force. */
export function manifestTerms(
  isForced: boolean,
  { version }: Packer,
  { format }: LoadedTemplate,
  lock: string,
): ManifestTerms {
  // Packer 1.6 tells no post-processor of an HCL2 template of its -force.
  const force = isForced && !(format === 'hcl2' && version.startsWith('1.6.'))
  return { runUuid: randomUUID(), force, lock }
}

type Run = Pick<RunFolder, 'manifests'>

/** Another process has the lock for as long as a small file takes to be written. */
const LOCK_WAIT_MS = 60_000

/** Prepares the run's folder. @returns what its derived template needs. */
export function prepareManifests({ manifests }: Run, terms: ManifestTerms): DeriveOptions['manifests'] {
  mkdirSync(manifests, { mode: 0o700 })
  writeTerms({ manifests }, terms)
  return { folder: manifests, command: [process.execPath, modulePath('builds/manifest/command'), manifests] }
}

/**
 * Adds what a manifest post-processor of the run has written to the user's file; nothing when Packer left it out
 * (`-except`).
 * @param step of the run's manifest post-processors, from 0.
 * @param path the user's file, absolute.
 * @throws FILE_UNUSABLE.
 */
export function mergeManifest(run: Run, step: number, path: string): void {
  if (!existsSync(manifestFile(run.manifests, step))) return
  locked(readTerms(run), () => {
    writeDurably(pathFile(run, step), path)
    // Read under the lock: another `holdfast build` may have adopted the run.
    add(partOf(run, step), readTerms(run))
  })
}

/**
 * Adds what the run has merged to the manifests of this `holdfast build`, which goes on with it or need not repeat
 * it.
 */
export function adoptManifests(run: Run, terms: ManifestTerms): void {
  if (!existsSync(run.manifests)) return
  locked(terms, () => {
    writeTerms(run, terms)
    for (const part of partsOf(run)) add(part, terms)
  })
}

/** Takes out what the run has merged, because another attempt takes its place. */
export function withdrawManifests(run: Run): void {
  if (!existsSync(run.manifests)) return
  locked(readTerms(run), () => {
    const terms = readTerms(run)
    for (const { path, entries } of partsOf(run)) {
      if (existsSync(path)) updateManifest(path, (manifest) => without(manifest, stamped(entries, terms)))
    }
  })
}

/** Whether the newest run in each of the user's manifests has what this run has merged. */
export function areManifestsCurrent(run: Run): boolean {
  return partsOf(run).every(({ path, entries }) => {
    const manifest = readManifest(path)
    if (!manifest) return false
    const wanted = stamped(entries, { runUuid: manifest.last_run_uuid })
    return wanted.every((entry) => manifest.builds.some((one) => isDeepStrictEqual(one, entry)))
  })
}

/** What one manifest post-processor has written. */
interface Part {
  /** The user's file, absolute. */
  readonly path: string
  readonly entries: readonly ManifestEntry[]
}

/** The merged ones, in their order. */
function partsOf(run: Run): Part[] {
  if (!existsSync(run.manifests)) return []
  const steps = readdirSync(run.manifests).flatMap((name) => /^(\d+)\.path$/.exec(name)?.[1] ?? [])
  return steps
    .map(Number)
    .toSorted((a, b) => a - b)
    .map((step) => partOf(run, step))
}

function partOf(run: Run, step: number): Part {
  return {
    path: readFileSync(pathFile(run, step), 'utf8'),
    entries: readManifest(manifestFile(run.manifests, step))?.builds ?? [],
  }
}

function add({ path, entries }: Part, terms: ManifestTerms): void {
  updateManifest(path, ({ builds, last_run_uuid }) => ({
    builds: [...(terms.force && last_run_uuid !== terms.runUuid ? [] : builds), ...stamped(entries, terms)],
    last_run_uuid: terms.runUuid,
  }))
}

/** Each entry once: another build of the run may have an equal one. */
function without({ builds, last_run_uuid }: PackerManifest, entries: readonly ManifestEntry[]): PackerManifest {
  const left = [...builds]
  for (const entry of entries) {
    const index = left.findLastIndex((one) => isDeepStrictEqual(one, entry))
    if (index >= 0) left.splice(index, 1)
  }
  return { builds: left, last_run_uuid }
}

function stamped(entries: readonly ManifestEntry[], { runUuid }: Pick<ManifestTerms, 'runUuid'>): ManifestEntry[] {
  return entries.map((entry) => ({ ...entry, packer_run_uuid: runUuid }))
}

function locked(terms: ManifestTerms, change: () => void): void {
  const release = lockFile(terms.lock, LOCK_WAIT_MS)
  if (!release) {
    const message = `another process has held ${terms.lock} for a minute, so no manifest can be changed`
    throw new BuildError('FILE_UNUSABLE', message)
  }
  try {
    change()
  } finally {
    release()
  }
}

function readTerms(run: Run): ManifestTerms {
  return termsSchema.parse(JSON.parse(readFileSync(termsFile(run), 'utf8')))
}

function writeTerms(run: Run, terms: ManifestTerms): void {
  writeDurably(termsFile(run), JSON.stringify(terms))
}

function termsFile({ manifests }: Run): string {
  return join(manifests, 'terms')
}

/** Holds the path of the user's file, once it has what Packer wrote. */
function pathFile({ manifests }: Run, step: number): string {
  return join(manifests, `${step}.path`)
}
