/**
 * Who works on a build that is under way by its record: the record of a build that was cut off by force says so for
 * ever.
 */
import type { Build, StateManager } from '../../state/index.ts'
import { isAlive } from '../process-group.ts'
import { knownMetadata } from './metadata.ts'

/** `packer`: only Packer, which goes on by itself after `holdfast build` was killed. */
export const WORKERS = ['holdfast', 'packer', 'nobody'] as const
export type Worker = (typeof WORKERS)[number]

const UNDER_WAY: readonly string[] = ['pending', 'creating', 'provisioning']

/** @returns null for a build that is over, and for a build that `holdfast build` did not record. */
export async function workerOf(state: StateManager, build: Build): Promise<Worker | null> {
  const { run, template } = knownMetadata(build)
  if (!run || !UNDER_WAY.includes(build.status)) return null
  const holder = await state.holder()
  if (holder?.status === 'held' && holder.info === template) return 'holdfast'
  const { pid, pidStartedAt: startedAt } = run
  return pid !== null && startedAt !== null && isAlive({ pid, startedAt }) ? 'packer' : 'nobody'
}
