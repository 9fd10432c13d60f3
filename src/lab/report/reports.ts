import { join } from 'node:path'
import type { CellResult } from '../results/result.ts'
import { writeDurably } from '../../storage/index.ts'
import { toHtml } from './html.ts'
import { toMarkdown } from './markdown.ts'
import { makeReport } from './report.ts'

/** Writes `report.html`, `report.md` and `report.json` into the folder of a run. */
export function writeReports(folder: string, cells: readonly CellResult[]): void {
  const report = makeReport(cells.filter((cell) => cell.num_iterations > 0))
  writeDurably(join(folder, 'report.html'), toHtml(report), 0o666)
  writeDurably(join(folder, 'report.md'), toMarkdown(report), 0o666)
  writeDurably(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`, 0o666)
}
