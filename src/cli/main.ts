/** The command line: one file a command; this one finds the command and turns a failure into words and an exit code. */
import { Command, CommanderError } from 'commander'
import { ERROR_CODES, HoldfastError, VERSION } from '../base/index.ts'
import { registerCompare } from './compare.ts'
import { registerConfig } from './config.ts'
import { registerLab } from './lab.ts'
import { registerRunTest } from './run-test.ts'
import { registerRunTestMatrix } from './run-test-matrix.ts'
import { registerServe } from './serve.ts'
import { registerVerify } from './verify.ts'

/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64

const EXIT_CODES = `
Exit codes:
  0   done                        69  the address cannot be listened on
  1   verify found damage         70  a fault of Holdfast itself
  64  wrong command line          74  the disk failed or is full
  75  busy, try again later       78  a mistake in the configuration`

const program = new Command('holdfast')
  .description('Share big files from a small machine.')
  .version(VERSION, '-V, --version')
  .showSuggestionAfterError()
  .showHelpAfterError('Run with --help for what is there.')
  .addHelpText('after', EXIT_CODES)
  .exitOverride()
registerServe(program)
registerConfig(program)
registerVerify(program)
registerRunTest(program)
registerRunTestMatrix(program)
registerCompare(program)
registerLab(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
  if (!(error instanceof HoldfastError)) {
    console.error(error)
    return ERROR_CODES.INTERNAL.exit
  }
  console.error(`holdfast: ${error.message}`)
  if (error.hint) console.error(error.hint)
  return ERROR_CODES[error.code].exit
}
