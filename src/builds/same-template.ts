/**
 * Builds are named after their template's file, so two templates can want one name: one record must not become the
 * other's.
 */
import { realpath } from 'node:fs/promises'
import { systemErrorCode } from '../base/index.ts'
import type { StateManager } from '../state/index.ts'
import { metadataOf } from './record.ts'
import { BuildError } from './errors.ts'

/**
 * Refuses builds of another template. A template that no longer exists has moved or was given up: its builds then
 * belong to this template. Links lead to the same template.
 * @param template As records name it.
 * @throws BUILD_NAME_TAKEN.
 */
export async function requireSameTemplate(
  manager: StateManager,
  template: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const build = await manager.get(name)
    const other = build && metadataOf(build)?.template
    if (!other || other === template) continue
    const place = await realPathOf(other)
    if (place === null || place === (await realPathOf(template))) continue
    throw new BuildError(
      'BUILD_NAME_TAKEN',
      `${name} in the state ${manager.name} is a build of ${other}, and ${template} would take its place.`,
      {
        hint: 'Builds are named after the file of their template: rename one, build this one with --state NAME, or forget the other with: holdfast state remove.',
        details: { build: name, recorded: other, template },
      },
    )
  }
}

async function realPathOf(path: string): Promise<string | null> {
  try {
    return await realpath(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return null
    throw error
  }
}
