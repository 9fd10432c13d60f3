/** `holdfast stress`: tries hard to break states and locks on this machine, and prints what it measured. */
import { log } from 'node:console'
import { Argument, InvalidArgumentError, type Command } from 'commander'
import { runScenario, SCENARIOS, type Outcome } from '../stress/index.ts'
import { printJson } from './state-output.ts'
import { CommandError } from './errors.ts'

interface StressOptions {
  seconds: number
  scale: number
  only?: string
  folder?: string
  json?: boolean
}

export function registerStressCommand(program: Command): void {
  program
    .command('stress')
    .description('try to break states and locks on this machine; exits 1 when something broke')
    .addArgument(new Argument('[suite]', 'which scenarios').choices(['state', 'lock', 'all']).default('all'))
    .option('--seconds <number>', 'how long scenarios that go by time take, 0.1 to 3600', between(0.1, 3600), 5)
    .option(
      '--scale <number>',
      'share of the biggest sizes (a million builds, 300 kills), 0.01 to 1',
      between(0.01, 1),
      1,
    )
    .option('--only <text>', 'only scenarios with this text in their names')
    .option('--folder <folder>', "where to make the scenarios' folders (default: the system's temporary folder)")
    .option('--json', 'print JSON')
    .action(stress)
}

async function stress(suite: string, options: StressOptions): Promise<void> {
  const wanted = SCENARIOS.filter((scenario) => suite === 'all' || scenario.suite === suite).filter(({ name }) =>
    name.toLowerCase().includes((options.only ?? '').toLowerCase()),
  )
  if (wanted.length === 0) throw new CommandError('NOT_FOUND', `no scenario has "${options.only}" in its name`)
  const results: (Outcome & { name: string; seed: string })[] = []
  const { seconds, scale, folder } = options
  for (const scenario of wanted) {
    const outcome = await runScenario(scenario, { seconds, scale, ...(folder !== undefined && { parent: folder }) })
    results.push({ name: scenario.name, seed: scenario.seed, ...outcome })
    if (!options.json) print(scenario.name, scenario.seed, outcome)
  }
  const failed = results.filter(({ failures }) => failures.length > 0).length
  const skipped = results.filter((result) => result.skipped !== undefined).length
  if (options.json) printJson({ passed: results.length - failed - skipped, failed, skipped, results })
  else log(`\n${results.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`)
  if (failed > 0) process.exitCode = 1
}

function print(name: string, seed: string, { figures, failures, skipped }: Outcome): void {
  const mark = failures.length > 0 ? '✖' : skipped === undefined ? '✔' : '-'
  log(`${mark} ${name}`)
  if (skipped !== undefined) log(`    skipped: ${skipped}`)
  const measured = Object.entries(figures).map(([figure, value]) => `${figure} ${value}`)
  if (measured.length > 0) log(`    now   ${measured.join(', ')}`)
  if (seed) log(`    then  ${seed}`)
  for (const failure of failures.slice(0, 10)) log(`    FAILED ${failure}`)
}

function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (text.trim() !== '' && number >= least && number <= most) return number
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not a number from ${least} to ${most}.`)
  }
}
