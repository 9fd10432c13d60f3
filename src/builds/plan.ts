/** Plans the work for a source: nothing, or which of its provisioners, and why. */
import type { Build, BuildStatus, Provisioner } from '../state/index.ts'
import { whatIsWrong } from './artifacts.ts'
import type { CheckpointStep, CheckpointStore } from './checkpoints.ts'
import { metadataOf } from './record.ts'
import { pendingStep } from './steps.ts'
import { describeResume, type Fingerprint, type TemplateSource } from './template/index.ts'
import { BuildError } from './errors.ts'

/** `auto`: go on where that is possible; `must`: or fail; `never`: begin at the first provisioner. */
export type ResumeMode = 'auto' | 'must' | 'never'

export interface Plan {
  /** The first provisioner to run. */
  readonly from: number
  /** Why it begins there, a sentence, or null for a first build. */
  readonly note: string | null
  /** All provisioners, those before `from` as they were recorded. */
  readonly steps: readonly Provisioner[]
  /** For builders with checkpoints: the image to go on from. */
  readonly baseImage?: string
}

const UNFINISHED: Readonly<Record<Exclude<BuildStatus, 'complete'>, string>> = {
  pending: 'its last build did not begin',
  creating: 'its last build did not end',
  provisioning: 'its last build did not end',
  failed: 'its last build failed',
  interrupted: 'its last build was interrupted',
}

/** Why the build has to run, or null when it is complete and nothing has changed. */
export async function whyBuild(
  build: Build | null,
  template: string,
  fingerprint: Fingerprint,
  signal: AbortSignal,
): Promise<string | null> {
  const metadata = build && metadataOf(build)
  if (!build || !metadata) return 'there is no build of it yet'
  if (build.status !== 'complete') return UNFINISHED[build.status]
  if (metadata.template !== template) return `its last build was made from ${metadata.template}`
  const [unknown] = fingerprint.unknown
  if (unknown !== undefined) return `only a run can tell whether it has changed: ${unknown}`
  if (build.templateHash !== fingerprint.final) return 'the template, or something that it refers to, has changed'
  return whatIsWrong(build, signal)
}

export interface PlanRequest {
  readonly source: TemplateSource
  readonly fingerprint: Fingerprint
  readonly mode: ResumeMode
  readonly checkpoints: CheckpointStore | null
  /** A complete and unchanged build that is built all the same starts from nothing. */
  readonly force: boolean
  readonly onNote: (text: string) => void
  /** From {@link whyBuild}, or another sentence. */
  readonly reason: string
}

/** Where to begin. @throws BUILD_NOT_RESUMABLE when the build cannot go on and `mode` is `must`. */
export async function planBuild(build: Build | null, request: PlanRequest): Promise<Plan> {
  const { source, mode } = request
  const names = source.provisioners.map(({ name }) => name)
  const start = mode === 'never' ? { from: 0, note: 'it starts over: --no-resume' } : await findStart(build, request)
  const isUnfinished = build !== null && build.status !== 'complete'
  if (mode === 'must' && isUnfinished && start.from === 0) {
    throw new BuildError('BUILD_NOT_RESUMABLE', `${build.name} cannot be resumed: ${start.note}`, {
      hint: 'Leave --resume away to start over where a build cannot be resumed.',
    })
  }
  const steps = names.map((name, index) => {
    const recorded = build?.provisioners[index]
    if (index < start.from && recorded?.status === 'complete') return recorded
    return pendingStep(name, isUnfinished ? recorded?.attempts : 0)
  })
  return { ...start, steps: steps.map((step, index) => (index < start.from ? passedOver(step) : step)) }
}

type Start = Omit<Plan, 'steps'>

async function findStart(build: Build | null, request: PlanRequest): Promise<Start> {
  const { reason, checkpoints, source } = request
  const ability = describeResume(source.builderType)
  const isUnfinished = build !== null && build.status !== 'complete' && metadataOf(build) !== null
  const first = build ? reason : null
  if (ability.kind === 'checkpoint') {
    if (request.force && build?.status === 'complete' && build.templateHash === request.fingerprint.final) {
      return { from: 0, note: reason }
    }
    const image = (await checkpoints?.newest(checkpointSteps(request), request.onNote)) ?? null
    if (!image) return { from: 0, note: isUnfinished ? 'it starts over: there is no checkpoint that fits' : first }
    return { ...image, note: `${reason}; it goes on from the checkpoint after step ${image.from}` }
  }
  if (!isUnfinished) return { from: 0, note: first }
  const complete = completePrefix(build, request)
  if (ability.kind === 'none') return { from: 0, note: `it starts over: ${ability.reason}` }
  if (complete.count === 0) return { from: 0, note: `it starts over: ${complete.why}` }
  const { length } = request.source.provisioners
  const next = complete.count < length ? `step ${complete.count + 1} of ${length}` : 'what comes after the last step'
  return { from: complete.count, note: `${reason}; it goes on with ${next}` }
}

/** How many provisioners, from the first on, are complete and unchanged. */
function completePrefix(build: Build, { fingerprint }: PlanRequest): { count: number; why: string } {
  const recorded = metadataOf(build)?.fingerprint
  if (recorded?.base !== fingerprint.base) return { count: 0, why: 'the source itself, or Packer, has changed' }
  let count = 0
  for (const [index, step] of fingerprint.steps.entries()) {
    if (build.provisioners[index]?.status !== 'complete') break
    if (recorded.steps[index] !== step) return { count, why: `step ${index + 1} has changed` }
    count += 1
  }
  return { count, why: 'no step of it is complete' }
}

/** A step that is in a checkpoint of another build has no times of its own. */
function passedOver(step: Provisioner): Provisioner {
  return step.status === 'complete' ? step : { ...step, status: 'complete' }
}

/** Those whose checkpoints a later build can trust. */
export function checkpointSteps({
  source,
  fingerprint,
}: Pick<PlanRequest, 'source' | 'fingerprint'>): CheckpointStep[] {
  const keys = fingerprint.steps.slice(0, fingerprint.certainSteps)
  return keys.map((key, index) => ({ key, name: source.provisioners[index]?.name ?? '' }))
}
