/** Builds as `holdfast build` records them, with their logs, in a data folder of a test's own. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { groupOf } from '../../src/builds/process-group.ts'
import { createBuild, StateManager, type Build } from '../../src/state/index.ts'
import { startProgram } from '../helpers/program.ts'

const STEP = join(import.meta.dirname, 'programs/one-step.ts')

export const TEMPLATE = '/home/ada/images/ubuntu.pkr.hcl'

/** The fields that a test sets; all others are as in a build that has not begun. */
export type Known = Pick<Build, 'name'> & Partial<Build>

/** Where a build's log lies, if its record does not say otherwise. */
export function logOf(dataFolder: string, state: string, name: string): string {
  return join(dataFolder, 'builds', state, 'run-1', encodeURIComponent(name).slice(0, 100), 'packer.log')
}

/** What `holdfast build` keeps in the metadata; the test itself stands for Packer, which runs. */
export function metadataOf(log: string, more: Build['metadata'] = {}): Build['metadata'] {
  const { pid, startedAt } = groupOf(readFileSync('/proc/self/stat', 'latin1')) ?? assert.fail()
  const run = { id: 'run-1', folder: dirname(log), log, pid, pidStartedAt: startedAt, from: 0, attempt: 1 }
  return {
    template: TEMPLATE,
    packer: '1.6.6',
    fingerprint: { base: 'b', steps: [], final: 'f' },
    run: { ...run, startedAt: '2026-11-22T10:00:00.000Z' },
    artifactTimes: {},
    ...more,
  }
}

/** Saves builds to a state, each save a serial. Their metadata names a log, which is there if `log` is given. */
export async function record(dataFolder: string, state: string, builds: readonly Known[], log?: string): Promise<void> {
  await using manager = await StateManager.open(dataFolder, { name: state, backups: false })
  for (const known of builds) {
    const path = logOf(dataFolder, state, known.name)
    if (log !== undefined) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, log)
    }
    const build = createBuild({ source: 'null.a', metadata: metadataOf(path), ...known })
    await manager.update((draft) => draft.put(build), { operation: `build ${known.name}`.slice(0, 100) })
  }
}

/** Has another process take a build of the state `default` one step further. */
export async function stepOn(dataFolder: string, name: string, step: string, line: string): Promise<void> {
  const program = startProgram(STEP, [dataFolder, name, step, logOf(dataFolder, 'default', name), line])
  assert.equal(await program.ended, 0)
}
