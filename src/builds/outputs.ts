/** Whether what lies where a build will write is the build's own, so that Packer may be told to overwrite it. */
import type { Build } from '../state/index.ts'
import { whatIsWrong } from './artifacts.ts'
import { LineTail } from './line-tail.ts'
import { parsePackerLine } from './packer-log.ts'
import { metadataOf } from './record.ts'
import { openRunFolder } from './run-folder.ts'

/**
 * It is when it is what this state recorded, whole and unchanged, or the leftovers of a run that no process cleaned up.
 * Packer looks for foreign outputs before it begins, so a run that began had none.
 */
export async function ownsOutputs(build: Build | null, signal: AbortSignal): Promise<boolean> {
  const metadata = build && metadataOf(build)
  if (!build || !metadata) return false
  const recorded = build.status === 'complete' ? build : { ...build, artifacts: [...metadata.replaces] }
  if (recorded.artifacts.length > 0 && (await whatIsWrong(recorded, signal)) === null) return true
  // A run that did not begin left what was there before it.
  if (!hasBegun(metadata.run.folder)) return build.status !== 'complete' && metadata.run.ownedOutputs === true
  return build.status === 'interrupted' || (build.status === 'failed' && metadata.run.isKept)
}

function hasBegun(folder: string): boolean {
  for (const line of new LineTail(openRunFolder(folder).log).lines()) {
    const parsed = parsePackerLine(line)
    if (parsed?.type === 'ui' && parsed.data[1]?.startsWith('==> ')) return true
  }
  return false
}
