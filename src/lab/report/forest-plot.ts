import { cellLabel } from '../compare/pooling.ts'
import type { CellComparison } from '../compare/comparison.ts'
import { describeVerdict, formatRatio } from '../compare/words.ts'
import { MARGIN } from '../statistics/verdict.ts'
import { escape, logScale, svg, xAxis, type Frame } from './svg.ts'

const ROW = 26
const TICKS = [0.1, 0.2, 0.33, 0.5, 0.8, 1, 1.25, 2, 3, 5, 10, 20, 50]

/** The ratio of each cell with its interval, against the band in which a difference is none. */
export function forestPlot(cells: readonly CellComparison[], a: string, b: string): string {
  const frame: Frame = { width: 640, height: 56 + ROW * cells.length, left: 104, right: 190, top: 8, bottom: 44 }
  const bounds = cells.flatMap(({ estimate }) => (estimate ? estimate.interval : []))
  const x = logScale(
    [Math.min(0.8, ...bounds) / 1.05, Math.max(1.25, ...bounds) * 1.05],
    [frame.left, frame.width - frame.right],
    TICKS,
  )
  const floor = frame.height - frame.bottom
  const band = `<rect class="band" x="${x(1 / (1 + MARGIN))}" width="${x(1 + MARGIN) - x(1 / (1 + MARGIN))}" y="${frame.top}" height="${floor - frame.top}"/>`
  const one = `<line class="axis" x1="${x(1)}" x2="${x(1)}" y1="${frame.top}" y2="${floor}"/>`
  const rows = cells.map((cell, index) => {
    const y = frame.top + ROW * (index + 0.5)
    const name = `<text class="tick" x="0" y="${y + 4}">${escape(cellLabel(cell))}</text>`
    const words = cell.verdict === 'no difference shown' ? 'no difference shown' : describeVerdict(cell)
    const verdict = `<text class="tick" x="${frame.width - frame.right + 12}" y="${y + 4}">${escape(words)}</text>`
    if (!cell.estimate) return name + verdict
    const { ratio, interval } = cell.estimate
    return `<g class="v-${cell.verdict.split(' ')[0]}"><title>${escape(`${formatRatio(cell.estimate)}, ${describeVerdict(cell)}`)}</title>${name}
<line class="bar" x1="${x(interval[0])}" x2="${x(interval[1])}" y1="${y}" y2="${y}"/><circle class="mark" cx="${x(ratio)}" cy="${y}" r="4"/>${verdict}</g>`
  })
  const sides = `<text class="unit" x="${frame.left}" y="${frame.height - 8}">← ${escape(a)} is faster</text>`
  const label = `Speed of ${b} as a multiple of ${a}'s, by cell`
  return svg(frame, label, band + one + rows.join('') + xAxis(frame, x, `${b} is faster →`) + sides)
}
