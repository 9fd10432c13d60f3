/** Every setting of Holdfast. */
import { loadConfig, type Config, type Settings } from '../base/index.ts'
import { BUILD_OPTIONS, BUILD_VARIABLES } from '../builds/options.ts'
import { SERVED_OPTIONS } from '../server/options.ts'

export const OPTIONS = { ...SERVED_OPTIONS, ...BUILD_OPTIONS } as const

/** `lock acquire` gives them to the command that runs under the lock. */
const LOCK_VARIABLES = ['HOLDFAST_LOCK_ID', 'HOLDFAST_LOCK_IDS', 'HOLDFAST_LOCK_TOKEN']

export const SETTINGS: Settings<typeof OPTIONS> = {
  options: OPTIONS,
  variables: [...BUILD_VARIABLES, ...LOCK_VARIABLES],
}

/** The configuration from the environment, the config file and these flags. @throws INVALID_CONFIG */
export function loadSettings(flags: Readonly<Record<string, string | undefined>>): Config<typeof OPTIONS> {
  return loadConfig(SETTINGS, { flags, ...(flags['config'] !== undefined && { file: flags['config'] }) })
}
