/** Which way a build and its provisioners may go. */
import { HoldfastError } from '../base/index.ts'
import type { Build, BuildStatus, ProvisionerStatus } from './build.ts'
import { StateError } from './errors.ts'

/**
 * From each status to which. A build that failed or was interrupted goes on where it stopped or begins again; a
 * complete one can only begin again.
 */
export const BUILD_TRANSITIONS: Readonly<Record<BuildStatus, readonly BuildStatus[]>> = {
  pending: ['creating', 'failed', 'interrupted'],
  creating: ['provisioning', 'complete', 'failed', 'interrupted'],
  provisioning: ['complete', 'failed', 'interrupted'],
  complete: ['pending'],
  failed: ['pending', 'creating', 'provisioning'],
  interrupted: ['pending', 'creating', 'provisioning', 'failed'],
}

export const PROVISIONER_TRANSITIONS: Readonly<Record<ProvisionerStatus, readonly ProvisionerStatus[]>> = {
  pending: ['running', 'skipped'],
  running: ['complete', 'failed', 'pending'],
  complete: ['pending', 'skipped'],
  failed: ['pending', 'running', 'skipped'],
  skipped: ['pending'],
}

/**
 * Checks the step from one version of a build to the next. A build that begins again may have other provisioners.
 * @throws ILLEGAL_TRANSITION, naming what went from where to where and what is allowed.
 */
export function assertTransition(before: Build, after: Build): void {
  if (!mayGo(BUILD_TRANSITIONS, before.status, after.status)) {
    throw illegal(`the build ${after.name}`, BUILD_TRANSITIONS, before.status, after.status)
  }
  if (before.status !== after.status && after.status === 'pending') return
  for (const [index, { name, status }] of after.provisioners.entries()) {
    const earlier = before.provisioners[index]
    if (earlier?.name !== name || mayGo(PROVISIONER_TRANSITIONS, earlier.status, status)) continue
    const subject = `the provisioner ${index} (${name}) of the build ${after.name}`
    throw illegal(subject, PROVISIONER_TRANSITIONS, earlier.status, status)
  }
}

type Transitions<T extends string> = Readonly<Record<T, readonly T[]>>

function mayGo<T extends string>(table: Transitions<T>, from: T, to: T): boolean {
  return from === to || table[from].includes(to)
}

function illegal<T extends string>(subject: string, table: Transitions<T>, from: T, to: T): HoldfastError {
  return new StateError('ILLEGAL_TRANSITION', `${subject} cannot go from ${from} to ${to}`, {
    hint: `From ${from} it can go to ${table[from].join(', ')}.`,
    details: { from, to, allowed: table[from] },
  })
}
