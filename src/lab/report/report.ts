/** What a report says, before it has a form: the same for HTML, Markdown and JSON. */
import { compareSides, driftOf, overallRatio, type CellComparison } from '../compare/comparison.ts'
import { sideOf, targetNames } from '../compare/sides.ts'
import { formatPercent } from '../compare/words.ts'
import type { CellResult } from '../results/result.ts'

export interface Report {
  run: string
  /** One sentence that holds. */
  headline: string
  /** What a reader must know before believing a figure. */
  cautions: string[]
  targets: string[]
  ramMb: number[]
  /** By rising size. */
  fileSizes: string[]
  cells: readonly CellResult[]
  /** Each other target against the first that has any good upload. */
  comparisons: { a: string; b: string; cells: CellComparison[] }[]
  failures: Failure[]
}

interface Failure {
  cell: CellResult
  iteration: CellResult['iterations'][number]
}

/** @param given the cells of one run, at least one. */
export function makeReport(given: readonly CellResult[]): Report {
  const targets = targetNames(given)
  const cells = given.toSorted((a, b) => a.ram_mb - b.ram_mb || a.file_size_bytes - b.file_size_bytes)
  const hasData = (name: string) => given.some(({ target, stats }) => target.name === name && stats.success_count > 0)
  const first = targets.find(hasData) ?? targets[0] ?? ''
  const others = targets.filter((name) => name !== first)
  const comparisons = others.map((name) => ({
    a: first,
    b: name,
    cells: compareSides(sideOf(cells, first), sideOf(cells, name)),
  }))
  return {
    run: cells[0]?.run ?? '',
    headline: headlineOf(cells, comparisons),
    cautions: cautionsOf(cells),
    targets,
    ramMb: [...new Set(cells.map(({ ram_mb: ram }) => ram))],
    fileSizes: [
      ...new Set(cells.toSorted((a, b) => a.file_size_bytes - b.file_size_bytes).map(({ file_size: size }) => size)),
    ],
    cells,
    comparisons,
    failures: cells.flatMap((cell) =>
      cell.iterations.filter((one) => one.exit_reason !== 'success').map((iteration) => ({ cell, iteration })),
    ),
  }
}

function headlineOf(cells: readonly CellResult[], comparisons: Report['comparisons']): string {
  const held = cells.filter(({ success }) => success).length
  const failed = cells.filter(({ success }) => !success)
  const reasons = [...new Set(failed.map(({ exit_reason: reason }) => reason.replaceAll('_', ' ')))].join(', ')
  const sentences = [`${held} of ${cells.length} cells held${reasons ? ` (the others: ${reasons})` : ''}.`]
  for (const { a, b, cells: compared } of comparisons) {
    const known = compared.filter((cell) => cell.estimate !== null)
    const count = (verdict: string) => known.filter((cell) => cell.verdict === verdict).length
    const parts = (['faster', 'slower', 'equivalent'] as const).flatMap((verdict) =>
      count(verdict) > 0 ? [`${verdict} in ${count(verdict)}`] : [],
    )
    const open = count('no difference shown')
    const ratio = overallRatio(compared)
    const middle = ratio === null ? '' : `; in the middle ${ratio.toFixed(2)} times as fast`
    const rest = open > 0 ? [`no difference shown in ${open}${detectable(compared)}`] : []
    sentences.push(`${b} against ${a}: ${[...parts, ...rest].join(', ') || 'nothing to compare'}${middle}.`)
  }
  return sentences.join(' ')
}

function detectable(compared: readonly CellComparison[]): string {
  const open = compared.flatMap(({ verdict, detectable: size }) =>
    verdict === 'no difference shown' && size !== null ? [size] : [],
  )
  if (open.length === 0) return ''
  const largest = Math.max(...open)
  return Number.isFinite(largest) ? `, where one of ${formatPercent(largest)} would have shown` : ' (too few pairs)'
}

function cautionsOf(cells: readonly CellResult[]): string[] {
  const iterations = cells.flatMap((cell) => cell.iterations)
  const noisy = iterations.filter(({ quiet }) => !quiet).length
  const drifting = cells.filter((cell) => driftOf(cell) !== null).length
  const leftovers = iterations.flatMap((one) => one.leftovers)
  const retried = iterations.filter((one) => one.failed_attempts.length > 0).length
  return [
    ...(noisy > 0
      ? [
          `The host was not quiet at the start of ${noisy} of ${iterations.length} iterations: believe ratios, not megabytes a second.`,
        ]
      : []),
    ...(drifting > 0
      ? [`${drifting} cells drifted while the run went on: their absolute figures depend on the time of day.`]
      : []),
    ...(cells.some(({ parallel }) => parallel > 1) ? ['Cells ran side by side and disturbed each other.'] : []),
    ...(cells.some(({ ram_limited: limited }) => !limited)
      ? ['The machines of this run did not limit memory: RAM is a label here.']
      : []),
    ...(retried > 0 ? [`${retried} iterations needed another try.`] : []),
    ...(leftovers.length > 0 ? [`Left behind: ${leftovers.join('; ')}.`] : []),
  ]
}
