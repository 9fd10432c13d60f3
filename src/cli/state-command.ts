/** What the commands that work on one state have in common. */
import { InvalidArgumentError, type Command } from 'commander'
import { StateManager } from '../state/index.ts'
import { dataFolderOf, outerLocks, type DataOptions } from './state-output.ts'

export interface StateOptions extends DataOptions {
  state: string
  autoRestore?: boolean
}

/** A command with the options that say which state, and how to print. */
export function stateCommand(parent: Command, usage: string, description: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--data <folder>', 'data folder (default: HOLDFAST_DATA or ./data)')
    .option('--state <name>', 'which state', 'default')
    .option('--auto-restore', 'restore the newest good backup first if the state is damaged')
    .option('--json', 'print JSON')
}

/**
 * Opens the state for `use`, and closes it whatever happens. Looking at a state does not make one: a name with a
 * mistake in it is found out. @throws as `StateManager.open`, and what `use` throws.
 */
export async function withState(
  options: StateOptions,
  use: (manager: StateManager) => Promise<void>,
  { mustExist = true } = {},
): Promise<void> {
  const { state: name, autoRestore = false } = options
  const folder = dataFolderOf(options)
  await using manager = await StateManager.open(folder, { name, autoRestore, mustExist, within: outerLocks() })
  await use(manager)
}

/** For commander: a whole number of at most 15 digits. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a whole number.`)
}

/** For commander: a whole number from 1 on. */
export function countingNumber(text: string): number {
  const number = wholeNumber(text)
  if (number > 0) return number
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not 1 or more.`)
}
