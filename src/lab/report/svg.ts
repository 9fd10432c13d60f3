/** The little of SVG that the plots share: escaping, scales, axes. Colours come from the page's CSS. */

/** For text in HTML and SVG. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

export interface Scale {
  (value: number): number
  ticks: number[]
}

/** Maps values to pixels, evenly. Ticks are round numbers. */
export function linearScale([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  const span = high - low || 1
  const step = roundStep(span / 4)
  const first = Math.ceil(low / step) * step
  const count = Math.floor((low + span - first) / step + 1e-9) + 1
  const ticks = Array.from({ length: count }, (_, index) => Number((first + index * step).toPrecision(12)))
  return Object.assign((value: number) => from + ((value - low) / span) * (to - from), { ticks })
}

/** Maps values to pixels by their logarithm, so that half and double are alike. */
export function logScale(domain: readonly [number, number], range: readonly [number, number], ticks: number[]): Scale {
  const [low, high] = [Math.log(domain[0]), Math.log(domain[1])]
  const scale = (value: number) => range[0] + ((Math.log(value) - low) / (high - low || 1)) * (range[1] - range[0])
  return Object.assign(scale, { ticks: ticks.filter((tick) => tick >= domain[0] && tick <= domain[1]) })
}

function roundStep(rough: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  return magnitude * ([1, 2, 5].find((factor) => factor * magnitude >= rough) ?? 10)
}

export interface Frame {
  width: number
  height: number
  left: number
  right: number
  top: number
  bottom: number
}

export const FRAME: Frame = { width: 480, height: 260, left: 50, right: 12, top: 12, bottom: 40 }

/** An image with a text for people who do not see it. */
export function svg({ width, height }: Frame, label: string, content: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(label)}">${content}</svg>`
}

/** Horizontal grid lines with their values, and what they are of. */
export function yAxis({ left, right, width, top }: Frame, y: Scale, unit: string, format = String): string {
  const lines = y.ticks.map(
    (tick) =>
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(tick)}" y2="${y(tick)}"/>` +
      `<text class="tick" x="${left - 8}" y="${y(tick) + 4}" text-anchor="end">${escape(format(tick))}</text>`,
  )
  return `${lines.join('')}<text class="unit" x="${left + 4}" y="${top + 6}">${escape(unit)}</text>`
}

export function xAxis({ height, bottom }: Frame, x: Scale, unit: string, format = String): string {
  const labels = x.ticks.map(
    (tick) =>
      `<text class="tick" x="${x(tick)}" y="${height - bottom + 18}" text-anchor="middle">${escape(format(tick))}</text>`,
  )
  return `${labels.join('')}<text class="unit" x="${x(x.ticks.at(-1) ?? 0)}" y="${height - bottom + 34}" text-anchor="end">${escape(unit)}</text>`
}

/** The class that gives a target its colour. */
export function colour(index: number): string {
  return `t${index % 5}`
}
