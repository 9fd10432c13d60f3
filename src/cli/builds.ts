/** `holdfast builds ...`: looks at what `holdfast build` recorded, and clears away what it left. */
import { log } from 'node:console'
import type { Command } from 'commander'
import { formatBytes } from '../base/index.ts'
import { describeStatus, metadataOf, pruneBuilds, QemuLayers } from '../builds/index.ts'
import type { Build, StateManager } from '../state/index.ts'
import { durationOf } from './build-progress.ts'
import { stateCommand, wholeNumber, withState, type StateOptions } from './state-command.ts'
import { dataFolderOf, printJson, printTable, shortTime } from './state-output.ts'
import { CommandError } from './errors.ts'

/** Runs whose logs stay, of each build. */
const DEFAULT_KEEP = 5

export function registerBuilds(program: Command): void {
  const builds = program.command('builds').description('look at builds and clear away what they leave')
  stateCommand(builds, 'list', 'list the builds with where they stand').action((options: StateOptions) =>
    withState(options, async (manager) => {
      const all = await sorted(manager)
      if (options.json) return printJson(all)
      const rows = all.map((build) => [
        build.name,
        build.status,
        progressOf(build),
        build.startedAt === null ? '' : shortTime(build.startedAt),
        isOver(build) ? (durationOf(build) ?? '') : '',
        String(build.artifacts.length),
      ])
      printTable(['NAME', 'STATUS', 'STEPS', 'STARTED (UTC)', 'TIME', 'ARTIFACTS'], rows, 'There are no builds.')
    }),
  )
  stateCommand(builds, 'show <name>', 'show a build with its steps').action((name: string, options: StateOptions) =>
    withState(options, async (manager) => {
      const build = await find(manager, name)
      if (options.json) return printJson(build)
      showBuild(build)
    }),
  )
  stateCommand(builds, 'artifacts [name]', 'list the files that builds made').action(
    (name: string | undefined, options: StateOptions) =>
      withState(options, async (manager) => {
        const chosen = name === undefined ? await sorted(manager) : [await find(manager, name)]
        const found = chosen.flatMap((build) => build.artifacts.map((artifact) => ({ build: build.name, ...artifact })))
        if (options.json) return printJson(found)
        const rows = found.map(({ build, path, sizeBytes, sha256, type = '', url }) => [
          build,
          formatBytes(sizeBytes),
          sha256,
          type,
          path,
          url ?? '',
        ])
        printTable(['BUILD', 'SIZE', 'SHA-256', 'TYPE', 'PATH', 'URL'], rows, 'There are no artifacts.')
      }),
  )
  registerPrune(builds)
}

function registerPrune(builds: Command): void {
  stateCommand(builds, 'prune', 'remove logs of old runs and unused layers; end machines that were kept')
    .option('--keep <number>', 'runs of each build whose logs stay', wholeNumber, DEFAULT_KEEP)
    .option('--dry-run', 'say what would be done, and do nothing')
    .action((options: StateOptions & { keep: number; dryRun?: boolean }) =>
      withState(options, async (manager) => {
        const { keep, dryRun: isDry = false } = options
        const dataFolder = dataFolderOf(options)
        const checkpoints = { qemu: new QemuLayers(dataFolder, manager.name) }
        const pruned = await pruneBuilds(manager, dataFolder, { keep, isDry, checkpoints })
        if (options.json) return printJson(pruned)
        const would = isDry ? 'would be ' : ''
        for (const { name, processes } of pruned.machines) log(`${name}: ${processes} processes ${would}ended`)
        for (const path of [...pruned.runs, ...pruned.checkpoints]) log(`${path} ${would}removed`)
        for (const name of pruned.running) log(`${name}: Packer runs without its Holdfast; holdfast build follows it`)
        log(`${formatBytes(pruned.sizeBytes)} ${would}freed`)
      }),
    )
}

function showBuild(build: Build): void {
  const metadata = metadataOf(build)
  const facts: [string, string | null | undefined][] = [
    ['build', build.name],
    ['status', build.status],
    ['error', build.error],
    ['template', metadata?.template],
    ['started', build.startedAt === null ? null : `${shortTime(build.startedAt)} UTC`],
    ['time', isOver(build) ? durationOf(build) : null],
    ['note', metadata?.note],
    ['packer', metadata?.packer],
    ['log', metadata?.run.log],
  ]
  for (const [name, value] of facts) if (value !== null && value !== undefined) log(`${name.padEnd(9)} ${value}`)
  const rows = build.provisioners.map((step, index) => [
    String(index + 1),
    step.name,
    describeStatus(step),
    step.endedAt === null ? '' : (durationOf(step) ?? ''),
    step.exitStatus === undefined ? '' : String(step.exitStatus),
    String(step.attempts ?? 0),
    step.error?.split('\n')[0] ?? '',
  ])
  log('')
  printTable(['STEP', 'NAME', 'STATUS', 'TIME', 'EXIT', 'RUNS', 'ERROR'], rows, 'It has no steps.')
  const failed = build.provisioners.find(({ status }) => status === 'failed')
  if (failed?.output !== undefined) log(`\nThe end of the output of ${failed.name}:\n${failed.output}`)
  if (build.artifacts.length > 0) log('')
  for (const { path, sizeBytes, sha256, url } of build.artifacts) {
    log(`${path}  ${formatBytes(sizeBytes)}  sha256 ${sha256}${url === null ? '' : `  ${url}`}`)
  }
}

/** `2/3`: complete steps of all. */
function progressOf({ provisioners }: Build): string {
  const complete = provisioners.filter(({ status }) => status === 'complete')
  const failed = complete.filter(({ error }) => error !== null).length
  return `${complete.length}/${provisioners.length}${failed > 0 ? `, ${failed} failed (continued)` : ''}`
}

function isOver({ endedAt }: Build): boolean {
  return endedAt !== null
}

async function find(manager: StateManager, name: string): Promise<Build> {
  const build = await manager.get(name)
  if (build) return build
  throw new CommandError('NOT_FOUND', `there is no build ${name} in the state ${manager.name}`, {
    hint: 'See which there are with: holdfast builds list',
  })
}

async function sorted(manager: StateManager): Promise<Build[]> {
  const builds: Build[] = []
  for await (const { name } of manager.entries()) {
    const build = await manager.get(name)
    if (build) builds.push(build)
  }
  return builds
}
