/** The command line: one file a command; this one finds the command and turns a failure into words and an exit code. */
import { Command, CommanderError } from 'commander'
import { ERROR_CODES, HoldfastError, messageOf, systemErrorCode, VERSION } from '../base/index.ts'
import { withTwoDashes } from './packer-flags.ts'

/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64
/** As shells report the end of a program by SIGPIPE. */
const EXIT_PIPE = 141

const EXIT_CODES = `
Exit codes:
  0   done                        69  something that is needed cannot be had or run
  1   damage or failures found    70  a fault of Holdfast itself
  64  wrong command line          74  damaged, unreadable, or the disk failed or is full
  65  malformed input             75  busy or held, try again later
  66  there is no such thing      78  a mistake in the configuration
All: docs/reference/errors.md`

/** Loaded when they are asked for: a server should not carry the rest in its memory. */
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  serve: async () => (await import('./serve.ts')).registerServe,
  config: async () => (await import('./config.ts')).registerConfig,
  verify: async () => (await import('./verify.ts')).registerVerify,
  state: async () => (await import('./state.ts')).registerStateCommands,
  lock: async () => (await import('./lock.ts')).registerLockCommands,
  build: async () => (await import('./build.ts')).registerBuild,
  builds: async () => (await import('./builds.ts')).registerBuilds,
  stress: async () => (await import('./stress.ts')).registerStressCommand,
  'run-test': async () => (await import('./run-test.ts')).registerRunTest,
  'run-test-matrix': async () => (await import('./run-test-matrix.ts')).registerRunTestMatrix,
  compare: async () => (await import('./compare.ts')).registerCompare,
  lab: async () => (await import('./lab.ts')).registerLab,
}

const program = new Command('holdfast')
  .description('Share big files from a small machine; build images with state and locks that lose nothing.')
  .version(VERSION, '-V, --version')
  .enablePositionalOptions()
  .showSuggestionAfterError()
  .showHelpAfterError('Run with --help for what is there.')
  .addHelpText('after', EXIT_CODES)
  .exitOverride()

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    // Whoever read it has seen enough, as `head` does.
    if (systemErrorCode(error) === 'EPIPE') process.exit(EXIT_PIPE)
    // To a file on a full disk, most likely.
    process.exit(report(new HoldfastError('FILE_UNUSABLE', `the output cannot be written: ${messageOf(error)}`)))
  })
}

try {
  refusePicoShareFlag(process.argv.slice(2))
  const asked = COMMANDS[process.argv[2] ?? '']
  const loaders = asked ? [asked] : Object.values(COMMANDS)
  for (const register of await Promise.all(loaders.map((load) => load()))) register(program)
  const [node = '', main = '', name = '', ...words] = process.argv
  await program.parseAsync(name === 'build' ? [node, main, name, ...withTwoDashes(words)] : process.argv)
} catch (error) {
  process.exitCode = report(error)
}

/** PicoShare is started with `-db data/store.db`. @throws INVALID_CONFIG */
function refusePicoShareFlag([first = '', ...rest]: string[]): void {
  const words = first === 'serve' ? rest : first.startsWith('-') ? [first] : []
  if (!words.some((word) => /^--?db(=|$)/.test(word))) return
  throw new HoldfastError(
    'INVALID_CONFIG',
    '-db is a flag of PicoShare: Holdfast keeps its database in a folder of its own',
    {
      hint: "Start it with 'holdfast serve --data FOLDER'. This version cannot import a PicoShare database.",
    },
  )
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
