/** Runs the command line, and turns a failure into words and an exit code. */
import { CommanderError } from 'commander'
import { BASE_ERRORS, HoldfastError, messageOf, systemErrorCode } from '../base/index.ts'
import { withTwoDashes } from './packer-flags.ts'
import { loadProgram } from './program.ts'
import { CommandError } from './errors.ts'

/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64
/** As shells report the end of a program by SIGPIPE. */
const EXIT_PIPE = 141

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => void endWithoutOutput(error))
}

try {
  refusePicoShareFlag(process.argv.slice(2))
  const [node = '', main = '', name = '', ...words] = process.argv
  const program = await loadProgram(name)
  await program.parseAsync(name === 'build' ? [node, main, name, ...withTwoDashes(words)] : process.argv)
} catch (error) {
  process.exitCode = await report(error)
}

async function endWithoutOutput(error: Error): Promise<never> {
  // The reader has seen enough, as `head` has.
  if (systemErrorCode(error) === 'EPIPE') process.exit(EXIT_PIPE)
  // To a file on a full disk, most likely.
  process.exit(await report(new CommandError('FILE_UNUSABLE', `the output cannot be written: ${messageOf(error)}`)))
}

/** PicoShare is started with `-db data/store.db`. @throws INVALID_CONFIG */
function refusePicoShareFlag([first = '', ...rest]: string[]): void {
  const words = first === 'serve' ? rest : first.startsWith('-') ? [first] : []
  if (!words.some((word) => /^--?db(=|$)/.test(word))) return
  throw new CommandError(
    'INVALID_CONFIG',
    '-db is a flag of PicoShare: Holdfast keeps its database in a folder of its own',
    {
      hint: "Start it with 'holdfast serve --data FOLDER'. This version cannot import a PicoShare database.",
    },
  )
}

async function report(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
  if (!(error instanceof HoldfastError)) {
    console.error(error)
    return BASE_ERRORS.INTERNAL.exit
  }
  console.error(`holdfast: ${error.message}`)
  if (error.hint) console.error(error.hint)
  const { exitCodeOf } = await import('./error-codes.ts')
  return exitCodeOf(error.code)
}
