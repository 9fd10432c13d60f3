/** The command line of Holdfast: puts the commands together and maps errors to exit codes. */
import { error as warn } from 'node:console'
import { Command } from 'commander'
import { ERROR_CODES, HoldfastError, VERSION } from '../base/index.ts'
import { registerLockCommands } from './lock.ts'
import { registerStateCommands } from './state.ts'
import { registerStressCommand } from './stress.ts'

const program = new Command('holdfast')
  .description('file share, image builds with state, state store and test lab')
  .version(VERSION)
  .enablePositionalOptions()
registerStateCommands(program)
registerLockCommands(program)
registerStressCommand(program)
try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error
  warn(`holdfast: ${error.message}`)
  if (error.hint !== undefined) warn(error.hint)
  process.exitCode = ERROR_CODES[error.code].exit
}
