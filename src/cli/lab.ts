import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { buildImage, EXIT_INTERRUPTED, readResults, usingFolder, writeReports } from '../lab/index.ts'

export function registerLab(program: Command): void {
  const lab = program.command('lab').description("the test lab's own affairs: reports and machine images")
  lab
    .command('report')
    .description('write report.html, report.md and report.json of a run once more')
    .argument('<run>', 'folder of the run')
    .action(async (run: string) => {
      await usingFolder(run, () => writeReports(run, readResults(run)))
      console.log(resolve(run, 'report.html'))
    })
  lab
    .command('image')
    .description('the image of the virtual machines of --machine qemu')
    .command('build')
    .description("build it: Debian's cloud kernel, a root disk with this Node; once, then every cell gets an overlay")
    .action(async () => {
      const interrupt = new AbortController()
      process.once('SIGINT', () => interrupt.abort(new Error('interrupted')))
      try {
        const { kernel } = await buildImage((step) => console.error(step), interrupt.signal)
        console.log(dirname(kernel))
      } catch (error) {
        if (!interrupt.signal.aborted) throw error
        process.exitCode = EXIT_INTERRUPTED
      }
    })
}
