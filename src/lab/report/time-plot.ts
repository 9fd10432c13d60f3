import { median } from '../statistics/quantiles.ts'
import type { Report } from './report.ts'
import { colour, escape, linearScale, logScale, svg, xAxis, yAxis, type Frame } from './svg.ts'

const FRAME: Frame = { width: 640, height: 320, left: 56, right: 16, top: 12, bottom: 96 }
const STRIP_TOP = 250
const STRIP_HEIGHT = 28
const TICKS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 10]

/**
 * Every upload at the time of day when it was made, relative to its own cell's median: what a drifting machine does
 * to the figures is seen here and nowhere else. Below it how long tasks waited for a CPU.
 */
export function timePlot({ cells, targets }: Report): string {
  const points = cells.flatMap((cell) => {
    const middle = cell.stats.median_throughput_mbps
    return cell.iterations.flatMap((one) =>
      middle === null || one.throughput_mbps === null
        ? []
        : [{ at: Date.parse(one.started_at), relative: one.throughput_mbps / middle, cell, one }],
    )
  })
  if (points.length === 0) return '<p>No upload succeeded.</p>'
  const minutes = (at: number) => (at - start) / 60_000
  const start = Math.min(...points.map(({ at }) => at))
  const span = Math.max(0.1, ...points.map(({ at }) => minutes(at)))
  const x = linearScale([0, span], [FRAME.left, FRAME.width - FRAME.right])
  const relatives = points.map(({ relative }) => relative)
  const range = [FRAME.height - FRAME.bottom, FRAME.top] as const
  const y = logScale([Math.min(0.7, ...relatives) / 1.05, Math.max(1.4, ...relatives) * 1.05], range, TICKS)
  const dots = points.map(({ at, relative, cell, one }) => {
    const title = `${cell.target.name}, ${cell.ram_mb} MB, ${cell.file_size}, #${one.iteration}: ${one.throughput_mbps?.toFixed(1)} MB/s`
    return `<circle class="dot ${colour(targets.indexOf(cell.target.name))}" cx="${x(minutes(at))}" cy="${y(relative)}" r="3"><title>${escape(title)}</title></circle>`
  })
  const pressures = points.map(({ one }) => one.host_before.cpu_pressure_percent ?? 0)
  const strip = points.map(({ at }, index) => {
    const height = ((pressures[index] ?? 0) / 100) * STRIP_HEIGHT
    return `<rect class="pressure" x="${x(minutes(at)) - 1.5}" width="3" y="${STRIP_TOP + STRIP_HEIGHT - height}" height="${height}"/>`
  })
  const pressureLabel = `CPU pressure, 0 to 100 % (median ${median(pressures).toFixed(0)} %)`
  return svg(
    FRAME,
    'Each upload relative to the median of its cell, by time',
    `${yAxis(FRAME, y, 'times the median of the cell')}${dots.join('')}
<line class="axis" x1="${FRAME.left}" x2="${FRAME.width - FRAME.right}" y1="${STRIP_TOP + STRIP_HEIGHT}" y2="${STRIP_TOP + STRIP_HEIGHT}"/>
<text class="unit" x="${FRAME.left + 4}" y="${STRIP_TOP - 6}">${pressureLabel}</text>${strip.join('')}
${xAxis({ ...FRAME, bottom: 40 }, x, 'minutes since the start')}`,
  )
}
