import { resolve } from 'node:path'
import type { Command } from 'commander'
import { readResults, writeReports } from '../lab/index.ts'

export function registerLab(program: Command): void {
  const lab = program.command('lab').description("the test lab's own affairs: reports and machine images")
  lab
    .command('report')
    .description('write report.html, report.md and report.json of a run once more')
    .argument('<run>', 'folder of the run')
    .action((run: string) => {
      writeReports(run, readResults(run))
      console.log(resolve(run, 'report.html'))
    })
}
