/** `holdfast build`: builds what a Packer template describes, if it is not built already. */
import { constants } from 'node:os'
import { Argument, InvalidArgumentError, Option, type Command } from 'commander'
import { parseDuration } from '../base/index.ts'
import { OPTIONS } from './options.ts'
import { buildTemplate, QemuLayers, type ResumeMode, type SourceOutcome } from '../builds/index.ts'
import { StateManager } from '../state/index.ts'
import { PlainProgress, TerminalProgress } from './build-progress.ts'
import { movesCursor } from './terminal.ts'
import { publisherTo } from './publish.ts'
import { dataFolderOf, outerLocks, printJson, type DataOptions } from './state-output.ts'
import { CommandError } from './errors.ts'

interface BuildFlags extends DataOptions {
  state: string
  var?: string[]
  varFile?: string[]
  only?: string[]
  except?: string[]
  force?: boolean
  resume?: boolean
  keepOnFailure?: boolean
  retries: number
  retryDelay: number
  lockTimeout: number
  publish?: string
  publishFor: number | null
  verbose?: boolean
}

const AFTER = `
Packer's own flags may have one dash or two, and "=" or a blank before their value.
Exit codes: 0 all is complete or up to date, 1 a build failed, 75 somebody else holds the lock (wait with --lock-timeout).
Ctrl-C lets Packer clean up; a second one kills it. If Holdfast itself is killed, Packer goes on: the next build follows it.`

export function registerBuild(program: Command): void {
  program
    .command('build')
    .description(
      'build what a Packer template describes, if it is not built already; go on where the last build stopped',
    )
    .addArgument(new Argument('<template>', 'a .pkr.hcl or .json file, or a folder of .pkr.hcl files'))
    .option('--var <name=value>', "a variable, as Packer's -var (can be repeated)", variable)
    .option('--var-file <file>', "a file of variables, as Packer's -var-file (can be repeated)", collect)
    .option('--only <names>', "build these sources only, as Packer's -only", collect)
    .option('--except <names>', "leave these out, as Packer's -except", collect)
    .option('--force', "build what is up to date too, and overwrite what is there, as Packer's -force")
    .option('--resume', 'fail if an unfinished build cannot go on where it stopped (default: start over)')
    .option('--no-resume', 'start over')
    .option('--keep-on-failure', 'leave the machine of a failed build running; the next build or prune ends it')
    .option('--retries <number>', 'tries after the first one of failures that may pass (docs/guide/build.md)', count, 2)
    .addOption(
      new Option('--retry-delay <duration>', 'longest wait before the first retry, doubled for each further one')
        .argParser(duration)
        .default(1000, '1s'),
    )
    .addOption(
      new Option('--lock-timeout <duration>', "how long to wait for the state's lock, such as 10m")
        .argParser(duration)
        .default(0, 'not at all'),
    )
    .option(
      '--publish <url>',
      'upload the artifacts to this Holdfast share, with the API token in HOLDFAST_PUBLISH_TOKEN',
    )
    .addOption(
      new Option('--publish-for <duration>', 'how long the share shall keep them, such as 90d')
        .argParser(duration)
        .default(null, 'for ever'),
    )
    .option('--data <folder>', 'data folder (default: HOLDFAST_DATA or ./data)')
    .option('--state <name>', 'which state to record it in', 'default')
    .option('--verbose', "show Packer's own output too")
    .option('--json', 'print the outcome as JSON at the end, progress on standard error')
    .addHelpText('after', AFTER)
    .action(build)
}

async function build(template: string, flags: BuildFlags): Promise<void> {
  // The command line may hold secrets, and every user of the machine can list it.
  process.title = 'holdfast build'
  const out = flags.json ? process.stderr : process.stdout
  const progress = movesCursor(out)
    ? new TerminalProgress(out, flags.verbose === true)
    : new PlainProgress(out, flags.verbose === true)
  const note = (text: string) => progress.note(null, text)
  using signals = catchSignals(note)
  const dataFolder = dataFolderOf(flags)
  const manager = await StateManager.open(dataFolder, { name: flags.state, within: outerLocks() })
  try {
    const {
      var: vars = [],
      varFile: varFiles = [],
      only = [],
      except = [],
      force = false,
      keepOnFailure = false,
    } = flags
    const request = {
      template,
      input: { vars, varFiles, cwd: process.cwd(), env: packerEnvironment() },
      only,
      except,
      force,
      keepOnFailure,
      resume: resumeMode(flags.resume),
      retries: flags.retries,
      retryDelayMs: flags.retryDelay,
      lockTimeoutMs: flags.lockTimeout,
      checkpoints: { qemu: new QemuLayers(dataFolder, flags.state) },
      ...(flags.publish !== undefined &&
        publisherTo({
          url: flags.publish,
          keepMs: flags.publishFor,
          dataFolder,
          signal: signals.stop,
          note,
        })),
      stop: signals.stop,
      kill: signals.kill,
    }
    const outcomes = await buildTemplate(manager, dataFolder, request, progress)
    if (flags.json) printJson({ state: flags.state, outcomes: outcomes.map(asJson) })
    if (outcomes.some(({ error }) => error !== undefined)) process.exitCode = 1
  } catch (error) {
    if (!signals.stop.aborted || error !== signals.stop.reason) throw error
  } finally {
    progress.close()
    await manager.close()
  }
  process.exitCode = signals.exitCode() ?? process.exitCode
}

/** Packer and its scripts have no business with our own secrets. */
function packerEnvironment(): NodeJS.ProcessEnv {
  const ours = ['publishToken', 'sharedSecret'] as const
  const names: readonly string[] = ours.flatMap((name) => OPTIONS[name].env)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.includes(name)))
}

function asJson({ name, status, build: record, error }: SourceOutcome) {
  const { code, message, hint, details } = error ?? {}
  return { name, status, ...(error && { error: { code, message, hint, details } }), build: record }
}

/** The first signal asks Packer to stop, the second kills it. */
function catchSignals(note: (text: string) => void) {
  const stop = new AbortController()
  const kill = new AbortController()
  let first: NodeJS.Signals | null = null
  const onSignal = (signal: NodeJS.Signals) => {
    if (first !== null) return kill.abort(new CommandError('BUILD_FAILED', 'the build was killed'))
    first = signal
    note('stopping: Packer cleans up; once more to kill it')
    stop.abort(new CommandError('BUILD_FAILED', 'the build was stopped'))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    stop: stop.signal,
    kill: kill.signal,
    /** As a shell has it, or null when there was no signal. */
    exitCode: () => (first === null ? null : 128 + constants.signals[first]),
    [Symbol.dispose]: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  }
}

function resumeMode(flag: boolean | undefined): ResumeMode {
  if (flag === undefined) return 'auto'
  return flag ? 'must' : 'never'
}

function variable(given: string, earlier: readonly string[] = []): string[] {
  if (/^[^=]+=/.test(given)) return collect(given, earlier)
  throw new InvalidArgumentError(`${JSON.stringify(given)} is not of the form name=value.`)
}

function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value]
}

function count(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a whole number up to 9999.`)
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms !== null) return ms
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a duration such as 30s or 5m.`)
}
