/** Clears away what builds leave: logs of old runs, checkpoints of nothing, machines that were kept for a look. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StateManager } from '../state/index.ts'
import { endLeftovers } from './attempt.ts'
import type { Checkpoints } from './checkpoints.ts'
import { isAlive, membersOf } from './process-group.ts'
import { metadataOf, type BuildMetadata } from './record.ts'
import { buildOfFolder, exitStatusOf, openRunFolder, processOf, runsFolder } from './run-folder.ts'

export interface PruneOptions {
  /** Runs whose folders stay, of each build. The run in the record always stays. */
  readonly keep: number
  /** Says what would go and leaves it. */
  readonly isDry: boolean
  readonly checkpoints: Checkpoints
}

export interface Pruned {
  /** Folders of runs. */
  readonly runs: readonly string[]
  /** Files of checkpoints. */
  readonly checkpoints: readonly string[]
  /** Bytes of both. */
  readonly sizeBytes: number
  /** Builds whose machines were ended, and how many processes those were. */
  readonly machines: readonly { readonly name: string; readonly processes: number }[]
  /** Builds whose Packer runs without a Holdfast: left alone. */
  readonly running: readonly string[]
}

/** @throws LOCK_HELD while a build runs. */
export async function pruneBuilds(manager: StateManager, dataFolder: string, options: PruneOptions): Promise<Pruned> {
  const lock = await manager.lock({ operation: 'builds prune', waitMs: 0 })
  try {
    const machines: { name: string; processes: number }[] = []
    const running: string[] = []
    const inUse = new Set<string>()
    const keys = new Set<string>()
    for await (const build of manager.builds()) {
      const metadata = metadataOf(build)
      if (!metadata) continue
      inUse.add(metadata.run.folder)
      for (const key of metadata.fingerprint.steps) keys.add(key)
      const isFinished = ['complete', 'failed', 'interrupted'].includes(build.status)
      const left = build.status === 'complete' ? 0 : await endMachine(metadata, isFinished, options.isDry)
      if (left === null) running.push(build.name)
      else if (left > 0) machines.push({ name: build.name, processes: left })
    }
    const runs = pruneRuns(runsFolder(dataFolder, manager.name), inUse, options)
    const images = Object.values(options.checkpoints).map((store) => store.prune(keys, options.isDry))
    return {
      runs: runs.paths,
      checkpoints: images.flatMap(({ paths }) => paths),
      sizeBytes: images.reduce((sum, { sizeBytes }) => sum + sizeBytes, runs.sizeBytes),
      machines,
      running,
    }
  } finally {
    await lock.release()
  }
}

/**
 * @returns how many processes of the build's last run were ended; null when its Packer is at work, which is left
 * alone.
 */
async function endMachine({ run }: BuildMetadata, isFinished: boolean, isDry: boolean): Promise<number | null> {
  const folder = openRunFolder(run.folder)
  const group = processOf(folder)
  if (!group) return 0
  if (isAlive(group) && !isFinished && exitStatusOf(folder) === null) return null
  if (isFinished && !run.isKept) return 0
  return isDry ? membersOf(group).length : endLeftovers(folder, group)
}

/** Removes all but the newest run folders of each build. Names of runs sort by time. */
function pruneRuns(root: string, inUse: ReadonlySet<string>, { keep, isDry }: PruneOptions) {
  const seen = new Map<string, Set<string>>()
  const paths: string[] = []
  let sizeBytes = 0
  for (const runId of namesIn(root).toReversed()) {
    const left: string[] = []
    for (const name of namesIn(join(root, runId))) {
      const path = join(root, runId, name)
      const build = buildOfFolder(name)
      const runs = seen.get(build) ?? new Set()
      seen.set(build, runs)
      if (runs.has(runId) || runs.size < keep || inUse.has(path)) {
        runs.add(runId)
        left.push(name)
        continue
      }
      paths.push(path)
      sizeBytes += sizeOf(path)
      if (!isDry) rmSync(path, { recursive: true, force: true })
    }
    if (left.length === 0 && !isDry) rmSync(join(root, runId), { recursive: true, force: true })
  }
  return { paths, sizeBytes }
}

function sizeOf(folder: string): number {
  return namesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}
