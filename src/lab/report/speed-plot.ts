import type { Report } from './report.ts'
import { colour, escape, FRAME, linearScale, svg, yAxis } from './svg.ts'

/** Distance of two targets' marks in one column, pixels. */
const DODGE = 18

/** Throughput by file size: each upload a dot, the median with its 95 % interval beside it. One plot a RAM size. */
export function speedPlots(report: Report): string {
  return report.ramMb.map((ram) => figure(`${ram} MB of RAM`, speedPlot(report, ram))).join('')
}

function figure(caption: string, image: string): string {
  return `<figure><figcaption>${escape(caption)}</figcaption>${image}</figure>`
}

function speedPlot({ cells, targets, fileSizes }: Report, ram: number): string {
  const shown = cells.filter((cell) => cell.ram_mb === ram)
  const speeds = shown.flatMap((cell) => cell.iterations.map((one) => one.throughput_mbps ?? 0))
  const { left, right, top, bottom, width, height } = FRAME
  const y = linearScale([0, Math.max(1, ...speeds) * 1.08], [height - bottom, top])
  const columnWidth = (width - left - right) / fileSizes.length
  const marks = shown.map((cell) => {
    const index = targets.indexOf(cell.target.name)
    const middle = left + columnWidth * (fileSizes.indexOf(cell.file_size) + 0.5)
    const x = middle + (index - (targets.length - 1) / 2) * DODGE
    const dots = cell.iterations.map((one) =>
      one.throughput_mbps === null
        ? ''
        : `<circle class="dot ${colour(index)}" cx="${x - 4}" cy="${y(one.throughput_mbps)}" r="2"/>`,
    )
    const { median_throughput_mbps: median, median_throughput_interval_mbps: interval } = cell.stats
    if (median === null) return `<text class="failed" x="${x}" y="${height - bottom - 6}" text-anchor="middle">✖</text>`
    const line = interval
      ? `<line class="bar ${colour(index)}" x1="${x + 3}" x2="${x + 3}" y1="${y(interval[0])}" y2="${y(interval[1])}"/>`
      : ''
    const label = `${cell.target.name}, ${cell.file_size}: ${median.toFixed(1)} MB/s`
    return `<g><title>${escape(label)}</title>${dots.join('')}${line}<circle class="mark ${colour(index)}" cx="${x + 3}" cy="${y(median)}" r="4"/></g>`
  })
  const columns = fileSizes.map(
    (size, index) =>
      `<text class="tick" x="${left + columnWidth * (index + 0.5)}" y="${height - bottom + 18}" text-anchor="middle">${escape(size)}</text>`,
  )
  return svg(
    FRAME,
    `Throughput by file size with ${ram} MB of RAM`,
    yAxis(FRAME, y, 'MB/s') + columns.join('') + marks.join(''),
  )
}
