import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import {
  EXIT_INTERRUPTED,
  LabSession,
  LinePresenter,
  parseMachine,
  readResults,
  RECOMMENDED_ITERATIONS,
  RunFolder,
  runPlan,
  TerminalPresenter,
  usingFolder,
  writeReports,
  type Outcome,
} from '../lab/index.ts'
import { addLabFlags, planOf, type LabFlags } from './lab-options.ts'
import { movesCursor } from './terminal.ts'
import { CommandError } from './errors.ts'

const EXIT_SOME_FAILED = 1
const SINGLE_TARGET_ITERATIONS = 10

type MatrixFlags = Omit<LabFlags, 'iterations'> & {
  iterations?: string
  out: string
  parallel: string
  resume?: string | true
}

export function registerRunTestMatrix(program: Command): void {
  const command = program
    .command('run-test-matrix')
    .description('measure every RAM x file size, targets interleaved, in random order; then write a report')
    .option('--ram <list>', 'memory of the machines, MiB', '2048,1024,512,256')
    .option('--file-size <list>', 'sizes of the files', '100M,500M,1G,2G,5G')
    .option(
      '--iterations <count>',
      `uploads a cell and target (default: ${SINGLE_TARGET_ITERATIONS}; ${RECOMMENDED_ITERATIONS} with two targets or more)`,
    )
    .option('--parallel <count>', 'cells at once; their timings disturb each other', '1')
    .option('--out <folder>', 'where the folder of the run is made', 'lab-runs')
    .option('--resume [run]', 'go on with this run folder, or the newest in --out; everything else is as its plan says')
    .addHelpText(
      'after',
      '\nExit codes: 0 all held, 1 some iterations failed, 130 interrupted, 64 and above: the run is broken',
    )
  addLabFlags(command).action(async (flags: MatrixFlags) => {
    const folder = flags.resume === undefined ? await newRun(flags) : resumedRun(command, flags)
    await using session = await LabSession.open()
    const presenter = movesCursor(process.stderr) ? new TerminalPresenter() : new LinePresenter()
    const { plan } = folder
    const driver = parseMachine(plan.machine)
    const journal = folder.readJournal()
    presenter.note(
      `run ${folder.path}, seed ${plan.seed}${journal.length > 0 ? `, ${journal.length} steps are done` : ''}`,
    )
    if (!driver.limitsMemory)
      presenter.note(`a machine of kind ${driver.kind} does not limit memory: --ram is only recorded`)
    if (plan.parallel > 1) presenter.note('cells side by side disturb each other: no timing of this run is absolute')
    const outcome = await usingFolder(folder.path, async () =>
      runPlan({
        plan,
        driver,
        session,
        presenter,
        scratchFolder: join(folder.path, 'tmp'),
        journal,
        earlier: folder.hasCells() ? readResults(folder.path) : [],
        record: (entry, cell) => {
          folder.append(entry)
          folder.writeCell(entry.cell, cell)
        },
        restore: (cell, result) => folder.writeCell(cell, result),
      }),
    ).finally(() => presenter.end())
    if (outcome.cells.length > 0) await usingFolder(folder.path, () => writeReports(folder.path, outcome.cells))
    conclude(folder.path, outcome)
  })
}

async function newRun(flags: MatrixFlags): Promise<RunFolder> {
  const fallback = (flags.target?.length ?? 1) > 1 ? RECOMMENDED_ITERATIONS : SINGLE_TARGET_ITERATIONS
  const plan = await planOf({ ...flags, iterations: flags.iterations ?? String(fallback) }, flags.parallel)
  return usingFolder(resolve(flags.out), () => RunFolder.create(resolve(flags.out, plan.run), plan))
}

function resumedRun(command: Command, flags: MatrixFlags): RunFolder {
  const own = command.options
    .map((option) => option.attributeName())
    .filter((name) => !['resume', 'out'].includes(name))
  const given = own.filter((name) => command.getOptionValueSource(name) === 'cli')
  if (given.length > 0) {
    const flag = command.options.find((option) => option.attributeName() === given[0])?.long
    throw new CommandError('INVALID_REQUEST', `${flag} cannot be given with --resume: the plan of the run says it`)
  }
  return RunFolder.open(typeof flags.resume === 'string' ? resolve(flags.resume) : newestRun(flags.out))
}

function newestRun(out: string): string {
  const runs = existsSync(out) ? readdirSync(out).filter((name) => existsSync(join(out, name, 'plan.json'))) : []
  // Their names begin with the time.
  const newest = runs.toSorted().at(-1)
  if (newest === undefined) throw new CommandError('LAB_RUN_UNUSABLE', `there is no run to resume in ${resolve(out)}`)
  return resolve(out, newest)
}

function conclude(path: string, { cells, isInterrupted }: Outcome): void {
  const tried = cells.filter(({ num_iterations: count }) => count > 0)
  const failed = tried.filter(({ success }) => !success)
  for (const { target, ram_mb: ramMb, file_size: size, exit_reason: reason, stats } of failed) {
    console.log(
      `${target.name} ${ramMb} MB ${size}: ${reason} (${stats.failure_count} of ${stats.success_count + stats.failure_count})`,
    )
  }
  if (cells.length > 0) {
    const untried = tried.length < cells.length ? `, ${cells.length - tried.length} not tried yet` : ''
    const held = `${tried.length - failed.length} of ${cells.length} cells held${untried}`
    console.log(`${held}; report: ${join(path, 'report.html')}`)
  }
  if (isInterrupted) {
    console.log(`interrupted: go on with 'holdfast run-test-matrix --resume ${path}'`)
    process.exitCode = EXIT_INTERRUPTED
  } else if (failed.length > 0) process.exitCode = EXIT_SOME_FAILED
}
