/**
 * What takes the place of a manifest post-processor of the user's: it writes for us, and the step behind it moves
 * that on.
 */
import { join } from 'node:path'
import { shellWord } from './marker.ts'
import type { DeriveOptions } from './template.ts'

/** Packer's, where `output` is not given. */
export const DEFAULT_MANIFEST = 'packer-manifest.json'

/** Of the environment: the user's `output`, as Packer evaluates it. */
export const MANIFEST_VARIABLE = 'HOLDFAST_MANIFEST'

/** Of the step behind it: `-except=shell-local` must leave that in. */
export const MERGE_NAME = 'holdfast'

/** Where the manifest post-processor of that number writes in its run. */
export function manifestFile(folder: string, step: number): string {
  return join(folder, `${step}.json`)
}

/** A line of sh, for an `inline` of the step behind it. */
export function mergeCommand({ command }: DeriveOptions['manifests'], step: number): string {
  return [...command, String(step)].map(shellWord).join(' ')
}
