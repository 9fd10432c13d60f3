/** What a run begins with: the first version of its record, and the command line of its Packer. */
import { createBuild, type Build } from '../state/index.ts'
import type { Plan } from './plan.ts'
import type { ProcessGroup } from './process-group.ts'
import { metadataOf, type BuildMetadata } from './record.ts'
import type { RunFolder } from './run-folder.ts'
import { templatePath, type SourceTerms } from './source-terms.ts'

/** The record of a run that is about to begin, in the place of `before`. */
export function pendingBuild(
  { packer, template, source, fingerprint, recorder, runId, keepOnFailure, input, invocation }: SourceTerms,
  before: Build | null,
  { from, note, steps }: Plan,
  run: RunFolder,
  attempt: number,
  ownedOutputs: boolean,
): Build {
  const now = new Date().toISOString()
  const earlier = before && metadataOf(before)
  const metadata: BuildMetadata = {
    template: templatePath(template),
    packer: packer.version,
    fingerprint: { base: fingerprint.base, steps: [...fingerprint.steps], final: fingerprint.final },
    run: {
      id: runId,
      folder: run.path,
      log: run.log,
      cwd: input.cwd,
      pid: null,
      pidStartedAt: null,
      startedAt: now,
      from,
      attempt,
      isKept: keepOnFailure,
      ownedOutputs,
    },
    invocation,
    artifactTimes: { ...earlier?.artifactTimes },
    replaces: before?.status === 'complete' ? [...before.artifacts] : [...(earlier?.replaces ?? [])],
    ...(note !== null && { note }),
  }
  return createBuild({
    ...before,
    name: recorder.build.name,
    source: source.fullName,
    status: 'pending',
    templateHash: fingerprint.final,
    instance: null,
    provisioners: steps,
    artifacts: [],
    error: null,
    startedAt: now,
    endedAt: null,
    metadata,
  })
}

/** The build with the processes that run for it. */
export function withProcess(build: Build, { pid, startedAt }: ProcessGroup): Build {
  const metadata = metadataOf(build)
  if (!metadata) return build
  return { ...build, metadata: { ...metadata, run: { ...metadata.run, pid, pidStartedAt: startedAt } } }
}

/**
 * `packer build` of the derived template.
 * @param autoVarFiles What Packer would have read by itself beside the user's template.
 */
export function packerCommand(
  { packer, source, input, except, keepOnFailure }: SourceTerms,
  path: string,
  autoVarFiles: readonly string[],
  isForced: boolean,
): string[] {
  return [
    packer.path,
    'build',
    '-machine-readable',
    `-only=${source.fullName}`,
    ...(except.length > 0 ? [`-except=${except.join(',')}`] : []),
    ...(isForced ? ['-force'] : []),
    ...(keepOnFailure ? ['-on-error=abort'] : []),
    ...[...autoVarFiles, ...input.varFiles].map((file) => `-var-file=${file}`),
    ...input.vars.flatMap((given) => ['-var', given]),
    path,
  ]
}
