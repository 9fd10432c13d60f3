/** The tree of commands: one file a command. */
import { Command } from 'commander'
import { VERSION } from '../base/index.ts'

export const EXIT_CODES = `
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
  completion: async () => {
    const { registerCompletion } = await import('./completion/index.ts')
    return (program) => registerCompletion(program, loadProgram)
  },
}

/** `holdfast` with the command of this name, or with all of them if there is none. */
export async function loadProgram(name = ''): Promise<Command> {
  const program = new Command('holdfast')
    .description('Share big files from a small machine; build images with state and locks that lose nothing.')
    .version(VERSION, '-V, --version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('Run with --help for what is there.')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
  const asked = COMMANDS[name]
  const loaders = asked ? [asked] : Object.values(COMMANDS)
  for (const register of await Promise.all(loaders.map((load) => load()))) register(program)
  return program
}
