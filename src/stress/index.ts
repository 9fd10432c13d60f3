/** The stress suite: everything that ever went wrong with states and locks, tried again. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../base/index.ts'
import { accidents } from './accidents.ts'
import { concurrency } from './concurrency.ts'
import { contents } from './contents.ts'
import { damage } from './damage.ts'
import { locks } from './locks.ts'
import type { Outcome, Scenario, StressContext } from './scenario.ts'
import { sizes } from './sizes.ts'

export type { Outcome, Scenario } from './scenario.ts'

export const SCENARIOS: readonly Scenario[] = [...concurrency, ...sizes, ...damage, ...contents, ...accidents, ...locks]

/** Runs one scenario in a folder of its own, under `parent` (default: the system's folder for temporary files). */
export async function runScenario(
  scenario: Scenario,
  options: Omit<StressContext, 'folder'> & { parent?: string },
): Promise<Outcome> {
  const folder = await mkdtemp(join(options.parent ?? tmpdir(), 'holdfast-stress-'))
  try {
    return await scenario.run({ folder, seconds: options.seconds, scale: options.scale })
  } catch (error) {
    return { figures: {}, failures: [`it ended with an error: ${messageOf(error)}`] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
