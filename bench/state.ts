/**
 * `npm run bench:state`: states and locks beside their peers, all on one filesystem and within one run, so that ratios
 * hold on a noisy machine. `--seconds N` for what goes by time, `--folder F` for where (a real disk, not a tmpfs).
 */
import { log } from 'node:console'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchLocks } from './state/locks.ts'
import { benchLoop, benchProcesses } from './state/processes.ts'
import { benchSizes } from './state/sizes.ts'
import { benchSaves } from './state/saves.ts'
import type { Row } from './state/measure.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, folder: { type: 'string', default: tmpdir() } },
})
const folder = mkdtempSync(join(values.folder, 'holdfast-bench-'))
const seconds = Number(values.seconds)
const benches = [benchSaves, benchSizes, benchLocks, benchProcesses, benchLoop]
let missed = 0
log(`Node ${process.version}, SQLite ${process.versions.sqlite}, ${availableParallelism()} cores`)
try {
  for (const [index, bench] of benches.entries()) {
    for (const row of await bench(join(folder, String(index)), seconds)) {
      missed += Number(row.holds === false)
      print(row)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
log(missed === 0 ? '\nEvery bar is met.' : `\n${missed} bars are missed.`)

function print({ work, ours, peers, bar, holds }: Row): void {
  const mark = holds === undefined ? ' ' : holds ? '✔' : '✖'
  log(`\n${mark} ${work}\n    ours  ${ours}`)
  for (const [peer, figure] of Object.entries(peers)) log(`    ${peer}  ${figure}`)
  if (bar) log(`    bar   ${bar}`)
}
