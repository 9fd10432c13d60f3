import type { CellResult } from '../results/result.ts'
import type { Report } from './report.ts'
import { escape } from './svg.ts'

/** The matrix of one target: how fast each cell was, how much memory it took, and whether it held. */
export function heatMap({ cells, ramMb, fileSizes }: Report, target: string): string {
  const own = cells.filter((cell) => cell.target.name === target)
  const fastest = Math.max(...cells.map(({ stats }) => stats.median_throughput_mbps ?? 0))
  const rows = ramMb.map((ram) => {
    const fields = fileSizes.map((size) => {
      const cell = own.find((one) => one.ram_mb === ram && one.file_size === size)
      return cell ? field(cell, fastest) : '<td class="absent">not run</td>'
    })
    return `<tr><th scope="row">${ram} MB</th>${fields.join('')}</tr>`
  })
  const heads = fileSizes.map((size) => `<th scope="col">${escape(size)}</th>`).join('')
  return `<div class="scroll"><table class="heat"><caption>${escape(target)}</caption>
<thead><tr><th></th>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

function field(cell: CellResult, fastest: number): string {
  const { median_throughput_mbps: median, rss_peak_bytes: peak, success_count: good, failure_count: bad } = cell.stats
  const share = median === null || fastest === 0 ? 0 : median / fastest
  const outcome = cell.success ? '' : `<span class="failed">✖ ${escape(cell.exit_reason.replaceAll('_', ' '))}</span>`
  const speed = median === null ? '' : `<b>${median.toFixed(median < 100 ? 1 : 0)}</b> MB/s`
  const memory = peak === null ? '' : `<small>peak ${(peak / 1e6).toFixed(0)} MB</small>`
  const count = `<small>${good} of ${good + bad}</small>`
  const untrusted = cell.iterations.some(({ quiet }) => !quiet) ? ' untrusted' : ''
  return `<td class="cell${untrusted}" style="--share:${(share * 100).toFixed(0)}%">${speed}${outcome}${memory}${count}</td>`
}
