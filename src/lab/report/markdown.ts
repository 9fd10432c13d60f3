import { adviceFor, describeVerdict, formatRatio } from '../compare/words.ts'
import type { CellResult } from '../results/result.ts'
import type { Report } from './report.ts'

export function toMarkdown(report: Report): string {
  const sections = [
    `# Lab run ${report.run}`,
    report.headline,
    report.cautions.map((caution) => `- ${caution}`).join('\n'),
    '## Cells',
    table(
      ['RAM (MB)', 'file', 'target', 'median MB/s', '95 % interval', 'peak RSS (MB)', 'held', 'outcome'],
      report.cells.map(cellRow),
    ),
    ...report.comparisons.flatMap(({ a, b, cells }) => [
      `## ${b} against ${a}`,
      'Ratios of speeds: above 1 the first of the two is faster. In brackets the 95 % interval.',
      table(
        ['RAM (MB)', 'file', 'ratio', 'pairs', 'verdict', 'notes'],
        cells.map((cell) => [
          cell.ramMb === null ? 'any' : String(cell.ramMb),
          cell.fileSize,
          cell.estimate ? formatRatio(cell.estimate) : '',
          String(cell.estimate?.samples ?? 0),
          describeVerdict(cell),
          [...cell.warnings, adviceFor(cell)].filter(Boolean).join('; '),
        ]),
      ),
    ]),
    ...(report.failures.length > 0 ? ['## Failures'] : []),
    ...report.failures.map(({ cell, iteration }) => {
      const title = `### ${cell.target.name}, ${cell.ram_mb} MB, ${cell.file_size}, iteration ${iteration.iteration}: ${iteration.exit_reason}`
      const log = iteration.log_tail.trim().replaceAll('```', "'''")
      return [title, iteration.message ?? '', ...(log ? [`\`\`\`\n${log}\n\`\`\``] : [])].join('\n\n')
    }),
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

function cellRow(cell: CellResult): string[] {
  const { stats } = cell
  const [low, high] = stats.median_throughput_interval_mbps ?? []
  return [
    String(cell.ram_mb),
    cell.file_size,
    cell.target.name,
    stats.median_throughput_mbps?.toFixed(1) ?? '',
    low === undefined || high === undefined ? '' : `${low.toFixed(1)} to ${high.toFixed(1)}`,
    stats.rss_peak_bytes === null ? '' : (stats.rss_peak_bytes / 1e6).toFixed(1),
    `${stats.success_count} of ${stats.success_count + stats.failure_count}`,
    cell.exit_reason,
  ]
}

function table(heads: string[], rows: string[][]): string {
  const line = (fields: string[]) =>
    `| ${fields.map((field) => field.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}
