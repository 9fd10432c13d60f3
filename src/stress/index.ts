/** The stress suite: everything that ever went wrong with states and locks, tried again. */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { HoldfastError, messageOf } from '../base/index.ts'
import { accidents } from './accidents.ts'
import { concurrency } from './concurrency.ts'
import { contents } from './contents.ts'
import { damage } from './damage.ts'
import { locks } from './locks.ts'
import type { Outcome, Scenario, StressContext } from './scenario.ts'
import { sizes } from './sizes.ts'

export type { Outcome, Scenario } from './scenario.ts'

export const SCENARIOS: readonly Scenario[] = [...concurrency, ...sizes, ...damage, ...contents, ...accidents, ...locks]

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs one scenario in a folder of its own, under `parent` (default: the system's folder for temporary files). The folder, which
 * may be big, is removed also when a signal ends the program meanwhile. @throws FILE_UNUSABLE when it cannot be made.
 */
export async function runScenario(
  scenario: Scenario,
  options: Omit<StressContext, 'folder'> & { parent?: string },
): Promise<Outcome> {
  const folder = await makeFolder(options.parent ?? tmpdir())
  const end = (signal: NodeJS.Signals) => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    } finally {
      process.exit(128 + constants.signals[signal])
    }
  }
  for (const signal of SIGNALS) process.on(signal, end)
  try {
    return await scenario.run({ folder, seconds: options.seconds, scale: options.scale })
  } catch (error) {
    return { figures: {}, failures: [`it ended with an error: ${messageOf(error)}`] }
  } finally {
    await rm(folder, { recursive: true, force: true })
    for (const signal of SIGNALS) process.off(signal, end)
  }
}

async function makeFolder(parent: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, 'holdfast-stress-'))
  } catch (error) {
    const what = `no folder can be made in ${parent}: ${messageOf(error)}`
    throw new HoldfastError('FILE_UNUSABLE', what, { hint: 'Say where with --folder.', cause: error })
  }
}
