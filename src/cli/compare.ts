import type { Command } from 'commander'
import {
  adviceFor,
  cellLabel,
  compareSides,
  describeVerdict,
  formatRatio,
  readSides,
  type CellComparison,
} from '../lab/index.ts'

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('whether B is faster than A: two runs, two result files, or two targets of one run (RUN#TARGET)')
    .argument('<a>', 'run folder, result file, or either with #TARGET')
    .argument('[b]', 'the same; without it the two targets of A are compared')
    .option('--json', 'print JSON')
    .action((a: string, b: string | undefined, { json }: { json?: boolean }) => {
      const [sideA, sideB] = readSides(a, b)
      const cells = compareSides(sideA, sideB)
      if (json) {
        console.log(JSON.stringify({ a: sideA.name, b: sideB.name, cells }, null, 2))
        return
      }
      console.log(`${sideB.name} (B) against ${sideA.name} (A); a ratio above 1 means that B is faster`)
      if (cells.length === 0) console.log('they have no cell in common')
      for (const cell of cells) console.log(lines(cell).join('\n'))
    })
}

function lines(cell: CellComparison): string[] {
  const { estimate, medianA, medianB, warnings } = cell
  const speeds = `${medianA?.toFixed(1) ?? '-'} -> ${medianB?.toFixed(1) ?? '-'} MB/s`
  const ratio = estimate ? `${formatRatio(estimate)}, n=${estimate.samples}` : '-'
  const advice = adviceFor(cell)
  return [
    `${cellLabel(cell).padEnd(16)} ${ratio.padEnd(26)} ${speeds.padEnd(26)} ${describeVerdict(cell)}`,
    ...warnings.map((warning) => `  warning: ${warning}`),
    ...(advice ? [`  advice: ${advice}`] : []),
  ]
}
