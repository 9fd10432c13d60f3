/** Brings a build's record in step with the run that it tells of, whoever started that and whatever became of it. */
import type { Build } from '../state/index.ts'
import { endLeftovers, followToEnd } from './attempt.ts'
import { CLEANUP_GRACE_MS, endGroup, isAlive, type ProcessGroup } from './process-group.ts'
import { distrustChanges } from './late-changes.ts'
import { adoptManifests } from './manifest/run-manifests.ts'
import { metadataOf, type BuildMetadata } from './record.ts'
import { openRunFolder, processOf } from './run-folder.ts'
import type { SourceTerms } from './source-terms.ts'
import { ended, type Failure } from './steps.ts'
import { removeTempFolder } from './temp-folder.ts'

export interface LastRun {
  /** As it is in the state now, or null when it is not there. */
  readonly build: Build | null
  /** How the run went that still ran, builds what is to be built, and was followed to its end. null: there was none. */
  readonly followed: { readonly failure: Failure | null } | null
}

/** Follows the last run, or ends it, or records it if it has ended. @throws as `followToEnd`. */
export async function finishLastRun(terms: SourceTerms): Promise<LastRun> {
  const { recorded: build, recorder, onNote } = terms
  if (!build || build.status === 'complete') return { build, followed: null }
  const last = metadataOf(build)
  const run = last && openRunFolder(last.run.folder)
  const group = run && processOf(run)
  if (build.status === 'failed' || build.status === 'interrupted') {
    const left = group && last.run.isKept ? await endLeftovers(run, group) : 0
    if (left > 0) onNote(`ended what its last build had left running (${left} processes)`)
    return { build, followed: null }
  }
  if (group) return finish(terms, last, group)
  if (run) removeTempFolder(run)
  const failure: Failure = { status: 'interrupted', error: 'its Holdfast ended before Packer began', exitStatus: null }
  await recorder.commit(ended(build, new Date().toISOString(), failure))
  return { build: recorder.build, followed: null }
}

async function finish(terms: SourceTerms, last: BuildMetadata, group: ProcessGroup): Promise<LastRun> {
  const { fingerprint, manifests, onNote, onLine, recorder, signals, input } = terms
  const run = openRunFolder(last.run.folder)
  const wasAlive = isAlive(group)
  const isWanted = last.fingerprint.final === fingerprint.final
  const who = `(started ${last.run.startedAt}, pid ${group.pid})`
  if (wasAlive && isWanted) {
    onNote(`is still running without its Holdfast ${who}; following it`)
    adoptManifests(run, manifests)
  }
  if (wasAlive && !isWanted) {
    onNote(`is still running without its Holdfast ${who}, but its template has changed; ending it`)
    await endGroup(group, CLEANUP_GRACE_MS, signals.kill)
  }
  const failure = await followToEnd({
    run,
    group,
    recorder,
    signals,
    workingFolder: last.run.cwd ?? input.cwd,
    onLine,
    onRead: async () => {},
    // No process watched the files while it ran.
    toRecord: (end) => distrustChanges(terms, last.fingerprint, end),
  })
  if (!wasAlive) onNote(`its last run ended without its Holdfast: ${recorder.build.status}`)
  return { build: recorder.build, followed: wasAlive && isWanted ? { failure } : null }
}
