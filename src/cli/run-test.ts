import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { writeDurably } from '../storage/index.ts'
import { makeFolders } from '../storage/index.ts'
import {
  cellKey,
  EXIT_INTERRUPTED,
  LabSession,
  LinePresenter,
  parseMachine,
  runPlan,
  usingFolder,
  type CellResult,
} from '../lab/index.ts'
import { addLabFlags, planOf, type LabFlags } from './lab-options.ts'
import { CommandError } from './errors.ts'

const EXIT_FAILED = 1

export function registerRunTest(program: Command): void {
  const command = program
    .command('run-test')
    .description('measure one cell: uploads of one size to a server with so much RAM, each on a fresh machine')
    .requiredOption('--ram <MB>', 'memory of the machine, MiB; enforced by cgroup2 and qemu, recorded by the others')
    .requiredOption('--file-size <size>', 'such as 100M (decimal) or 64MiB')
    .option('--iterations <count>', 'uploads that count', '10')
    .option('--out <folder>', 'where the result goes', 'lab-runs')
  addLabFlags(command).action(async (flags: LabFlags & { out: string }) => {
    const plan = await planOf(flags)
    if (plan.ram_mb.length * plan.file_sizes.length * plan.targets.length > 1) {
      throw new CommandError(
        'INVALID_REQUEST',
        'run-test measures one cell: one --ram, one --file-size, one --target',
        {
          hint: 'Use run-test-matrix for more.',
        },
      )
    }
    const out = resolve(flags.out)
    await usingFolder(out, () => makeFolders(out))
    await using session = await LabSession.open()
    const presenter = new LinePresenter()
    const driver = parseMachine(plan.machine)
    if (!driver.limitsMemory)
      presenter.note(`a machine of kind ${driver.kind} does not limit memory: --ram is only recorded`)
    const [target] = plan.targets
    const [ramMb, fileSize] = [plan.ram_mb[0] ?? 0, plan.file_sizes[0] ?? { label: '', bytes: 0 }]
    const path = join(out, `${cellKey({ target: target?.name ?? '', ramMb, fileSize })}-${plan.run}.json`)
    const write = (result: CellResult) => writeDurably(path, `${JSON.stringify(result, null, 2)}\n`, 0o666)
    const outcome = await usingFolder(out, async () =>
      runPlan({
        plan,
        driver,
        session,
        presenter,
        scratchFolder: join(out, `tmp-${plan.run}`),
        journal: [],
        earlier: [],
        record: (_entry, cell) => write(cell),
      }),
    )
    const [cell] = outcome.cells
    if (outcome.isInterrupted) process.exitCode = EXIT_INTERRUPTED
    else if (!cell?.success) process.exitCode = EXIT_FAILED
    if (!cell || cell.num_iterations === 0) return
    // The part that there is is kept, but must not be taken for the whole.
    if (outcome.isInterrupted) write({ ...cell, exit_reason: 'interrupted', success: false })
    console.log(path)
  })
}
