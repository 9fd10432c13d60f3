import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { livenessOfName, messageOf, SELF, type ProcessIdentity } from '../../base/index.ts'
import { derivedName, ownerOfDerivedName } from './derived-name.ts'
import { deriveHcl } from './hcl/derive-hcl.ts'
import { deriveJson } from './json/derive-json.ts'
import { sourceOf } from './select.ts'
import type { LoadedTemplate } from './load.ts'
import type { DeriveOptions, TemplateSource } from './template.ts'
import { BuildError } from '../errors.ts'

/** After this a template whose owner cannot be seen from here is a leftover. */
const UNKNOWN_OWNER_MS = 24 * 60 * 60 * 1000

/** The text of a run's template. */
export interface DerivedText {
  readonly text: string
  readonly suffix: '.pkr.hcl' | '.json'
  /**
   * To be given as `-var-file` before the user's own: what Packer would have read by itself in the template's folder.
   */
  readonly varFiles: readonly string[]
}

/**
 * The template for a run of one source (`-only=<fullName>`): finished steps are left out, markers stand between
 * the provisioners, and a manifest ends every chain of post-processors.
 * @throws NOT_FOUND when the source is of another template, INVALID_REQUEST when the manifest's path holds `{{`.
 */
export function deriveTemplate(
  template: LoadedTemplate,
  { fullName }: TemplateSource,
  options: DeriveOptions,
): DerivedText {
  if (options.manifestFile.includes('{{')) {
    const message = `The manifest cannot lie at ${options.manifestFile}: Packer takes the '{{' in it for a template.`
    throw new BuildError('INVALID_REQUEST', message)
  }
  if (template.format === 'json') {
    const source = sourceOf(template.sources, fullName, template.path)
    return { text: deriveJson(template, source, options), suffix: '.json', varFiles: [] }
  }
  const source = sourceOf(template.sources, fullName, template.path)
  return { text: deriveHcl(template, source, options), suffix: '.pkr.hcl', varFiles: template.autoVarFiles }
}

/**
 * A run's template on disk, beside the user's, so that `path.root`, `file()` and relative paths mean what they always
 * mean.
 */
export class DerivedFile implements AsyncDisposable {
  /** Absolute. */
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Writes it under a hidden name that holds `owner`: it is needed as long as that process lives, by default this one.
   * @throws TEMPLATE_INVALID when the folder cannot be written.
   */
  static async write(
    folder: string,
    derived: Pick<DerivedText, 'text' | 'suffix'>,
    owner: ProcessIdentity = SELF,
  ): Promise<DerivedFile> {
    const path = join(folder, derivedName(owner, derived.suffix))
    try {
      // For the owner alone: a template may hold secrets, and people forget that this copy exists.
      await writeFile(path, derived.text, { flag: 'wx', mode: 0o600, flush: true })
    } catch (error) {
      throw new BuildError(
        'TEMPLATE_INVALID',
        `The template's folder ${folder} must be writable, for a run's template beside it: ${messageOf(error)}.`,
        { cause: error },
      )
    }
    return new DerivedFile(path)
  }

  /** Removes it; again does nothing. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove()
  }
}

/**
 * Removes the derived templates of dead processes from a template's folder.
 * @param keep paths that are needed still, although the process that wrote them is gone.
 * @returns the paths of those removed.
 */
export async function sweepDerivedFiles(folder: string, keep: readonly string[] = []): Promise<string[]> {
  const removed: string[] = []
  for (const name of await readdir(folder)) {
    const owner = ownerOfDerivedName(name)
    const path = join(folder, name)
    if (owner === null || keep.includes(path) || (await isNeeded(path, owner))) continue
    await rm(path, { force: true })
    removed.push(path)
  }
  return removed
}

/** Whether the template may be in use: a process of another container or machine has read its own within a day. */
async function isNeeded(path: string, owner: string): Promise<boolean> {
  const alive = livenessOfName(owner)
  if (alive !== 'unknown') return alive === 'alive'
  const found = await stat(path).catch(() => null)
  return found !== null && Date.now() - found.mtimeMs < UNKNOWN_OWNER_MS
}
