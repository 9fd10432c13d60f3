import type { Report } from './report.ts'
import { colour, escape, FRAME, linearScale, svg, xAxis, yAxis } from './svg.ts'

/** Resident memory of the servers from their start on, a line an iteration. One plot a file size. */
export function memoryPlots(report: Report): string {
  return report.fileSizes
    .map((size) => `<figure><figcaption>${escape(size)}</figcaption>${memoryPlot(report, size)}</figure>`)
    .join('')
}

function memoryPlot({ cells, targets }: Report, size: string): string {
  const lines = cells
    .filter((cell) => cell.file_size === size)
    .flatMap((cell) => cell.iterations.map((one) => ({ cell, rss: one.server.rss })))
    .filter(({ rss }) => rss.length > 1)
  if (lines.length === 0)
    return '<p>No looks at the memory: the servers were not started by the lab, or too short-lived.</p>'
  const looks = lines.flatMap(({ rss }) => rss)
  const { left, right, top, bottom, width, height } = FRAME
  const x = linearScale([0, Math.max(...looks.map((look) => look.at_seconds))], [left, width - right])
  const y = linearScale([0, Math.max(...looks.map(({ bytes }) => bytes / 1e6)) * 1.08], [height - bottom, top])
  const paths = lines.map(({ cell, rss }) => {
    const points = rss.map((look) => `${x(look.at_seconds).toFixed(1)},${y(look.bytes / 1e6).toFixed(1)}`).join(' ')
    return `<polyline class="line ${colour(targets.indexOf(cell.target.name))}" points="${points}"/>`
  })
  const label = `Resident memory over time, ${size}`
  return svg(
    FRAME,
    label,
    yAxis(FRAME, y, 'MB') + paths.join('') + xAxis(FRAME, x, 'seconds since the start of the server'),
  )
}
