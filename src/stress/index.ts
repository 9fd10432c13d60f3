/** The stress suite: everything that ever went wrong with states and locks, tried again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { BaseError, messageOf } from '../base/index.ts'
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
 * Runs one scenario in a folder of its own, under `parent` (default: the system's folder for temporary files). The
 * folder, which may be big, is removed also when a signal ends the program meanwhile. @throws FILE_UNUSABLE when it
 * cannot be made.
 */
export async function runScenario(
  scenario: Scenario,
  options: Omit<StressContext, 'folder'> & { parent?: string },
): Promise<Outcome> {
  let folder: string | null = null
  const end = (signal: NodeJS.Signals) => {
    try {
      if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    } finally {
      process.exit(128 + constants.signals[signal])
    }
  }
  // Before there is a folder: a signal right after it was made must remove it too.
  for (const signal of SIGNALS) process.on(signal, end)
  try {
    folder = makeFolder(options.parent ?? tmpdir())
    return await scenario.run({ folder, seconds: options.seconds, scale: options.scale })
  } catch (error) {
    if (!folder) throw error
    return { figures: {}, failures: [`it ended with an error: ${messageOf(error)}`] }
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true })
    for (const signal of SIGNALS) process.off(signal, end)
  }
}

function makeFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'holdfast-stress-'))
  } catch (error) {
    const what = `no folder can be made in ${parent}: ${messageOf(error)}`
    throw new BaseError('FILE_UNUSABLE', what, { hint: 'Say where with --folder.', cause: error })
  }
}
