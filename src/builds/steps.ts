/**
 * The next version of a build's record for each thing that can happen to it. Pure: nothing here reads a clock, a file
 * or the state. The state knows the legal transitions (its transitions.ts); these are the ways that builds
 * take.
 */
import type { Artifact, Build, Provisioner } from '../state/index.ts'
import type { StepEvent } from './template/index.ts'

/** A step that is still to be done. @param attempts How often it was started in vain. */
export function pendingStep(name: string, attempts = 0): Provisioner {
  return { name, status: 'pending', error: null, startedAt: null, endedAt: null, ...(attempts > 0 && { attempts }) }
}

/** A provisioner began or ended. What does not fit (a repeated event, an index beyond the end) changes nothing. */
export function afterEvent(build: Build, { event, step: index, at }: StepEvent): Build[] {
  const step = build.provisioners[index]
  if (!step) return []
  if (event === 'end') {
    return step.status === 'running'
      ? [withStep(build, index, { ...step, status: 'complete', endedAt: at, exitStatus: 0 })]
      : []
  }
  if (step.status !== 'pending' && step.status !== 'failed') return []
  const { exitStatus: _status, output: _output, ...rest } = step
  const attempts = (step.attempts ?? 0) + 1
  const running: Provisioner = { ...rest, status: 'running', error: null, startedAt: at, endedAt: null, attempts }
  return [withStep({ ...build, status: 'provisioning' }, index, running)]
}

/** What Packer says of a step that failed and has `continue_on_error`. */
const CONTINUED = /: Warning: Provisioner failed with (?<error>".*"), but continue_on_error is set/s

/** The failure that a line of Packer's tells of, when the build goes on all the same; otherwise null. */
export function continuedFailure(text: string): Pick<Failure, 'error' | 'exitStatus'> | null {
  const error = CONTINUED.exec(text)?.groups?.['error']?.slice(1, -1)
  if (error === undefined) return null
  const told = /exit status:? (\d+)/.exec(error)?.[1]
  return { error, exitStatus: told === undefined ? null : Number(told) }
}

/** With these failures, by step. Such a step is complete, and has an error. */
export function withContinued(
  build: Build,
  failures: ReadonlyMap<number, Pick<Failure, 'error' | 'exitStatus'>>,
): Build {
  let known = build
  for (const [index, { error, exitStatus }] of failures) {
    const step = known.provisioners[index]
    if (step?.status !== 'complete' || step.error !== null) continue
    const { exitStatus: _status, ...rest } = step
    known = withStep(known, index, { ...rest, error, ...(exitStatus !== null && { exitStatus }) })
  }
  return known
}

/** The status of a step, for people. */
export function describeStatus({ status, error }: Provisioner): string {
  return status === 'complete' && error !== null ? 'failed (continued)' : status
}

/** The end of what a provisioner printed, kept to its last 4 kB. */
export function withOutput(build: Build, index: number, output: string): Build {
  const step = build.provisioners[index]
  return step && output !== '' ? withStep(build, index, { ...step, output }) : build
}

/** All is done. Provisioners that never began were left out by their builder. */
export function completed(
  build: Build,
  at: string,
  made: { artifacts: readonly Artifact[] } & Pick<Build, 'metadata' | 'instance'>,
): Build {
  const provisioners = build.provisioners.map((step): Provisioner => {
    if (step.status === 'complete') return step
    if (step.status === 'running') return { ...step, status: 'complete', endedAt: at, exitStatus: 0 }
    return { ...step, status: 'skipped', error: 'the builder ran no provisioner' }
  })
  return { ...build, ...made, status: 'complete', provisioners, error: null, endedAt: at }
}

export interface Failure {
  readonly status: 'failed' | 'interrupted'
  readonly error: string
  /** Of the provisioner that was running, where it told one. */
  readonly exitStatus: number | null
}

/** The build ended early: the provisioner that was running failed; after a failure the rest are skipped. */
export function ended(build: Build, at: string, { status, error, exitStatus }: Failure): Build {
  const provisioners = build.provisioners.map((step): Provisioner => {
    if (step.status === 'running') {
      const words = status === 'interrupted' ? `interrupted: ${error}` : error
      return { ...step, status: 'failed', error: words, endedAt: at, ...(exitStatus !== null && { exitStatus }) }
    }
    return status === 'failed' && step.status === 'pending' ? { ...step, status: 'skipped' } : step
  })
  return { ...build, status, provisioners, error, endedAt: at }
}

/** The provisioner that runs, or null. */
export function runningStep(build: Build): number | null {
  const index = build.provisioners.findIndex(({ status }) => status === 'running')
  return index < 0 ? null : index
}

function withStep(build: Build, index: number, step: Provisioner): Build {
  return { ...build, provisioners: build.provisioners.map((old, at) => (at === index ? step : old)) }
}
