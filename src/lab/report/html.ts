/** The report as one file that needs nothing else: no script, no font, no request. */
import { cellLabel } from '../compare/pooling.ts'
import { adviceFor, describeVerdict, formatRatio } from '../compare/words.ts'
import { forestPlot } from './forest-plot.ts'
import { heatMap } from './heat-map.ts'
import { memoryPlots } from './memory-plot.ts'
import type { Report } from './report.ts'
import { speedPlots } from './speed-plot.ts'
import { STYLE } from './style.ts'
import { colour, escape } from './svg.ts'
import { timePlot } from './time-plot.ts'

export function toHtml(report: Report): string {
  const title = `Lab run ${report.run}`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body><main>
<header><p class="eyebrow">Holdfast lab</p><h1>${escape(report.headline)}</h1>${facts(report)}${cautions(report)}</header>
<section><h2>The matrix</h2><p>The stronger the colour, the faster; hatched cells ran while the host was busy.</p>
<div class="maps">${report.targets.map((target) => heatMap(report, target)).join('')}</div></section>
${report.comparisons.map(comparison).join('')}
<section><h2>Throughput by size</h2><p>A dot is an upload, the large one the median, the bar its 95 % interval.</p>${legend(report)}
<div class="plots">${speedPlots(report)}</div></section>
<section><h2>Every upload by the clock</h2><p>A machine that slows down or has bursts shows here, whatever the medians say.</p>${legend(report)}<div class="wide">${timePlot(report)}</div></section>
<section><h2>Memory over time</h2><p>Resident memory of each server from its start.</p>${legend(report)}<div class="plots">${memoryPlots(report)}</div></section>
${failures(report)}
</main></body></html>
`
}

function facts({ run, cells }: Report): string {
  const [cell] = cells
  if (!cell) return ''
  const { environment: host, platform, upload } = cell
  const versions = [
    ...new Set(
      cells.map(({ target }) =>
        [target.name, target.version, target.digest && `(${target.digest})`].filter(Boolean).join(' '),
      ),
    ),
  ].join(', ')
  const iterations = cells.reduce((sum, one) => sum + one.num_iterations, 0)
  const items = {
    Run: run,
    Machine: platform,
    Targets: versions,
    Uploads: `${iterations} by ${upload}`,
    Host: `${host.cpus} × ${host.cpu}, ${(host.host_memory_bytes / 1e9).toFixed(0)} GB, Linux ${host.kernel}, ${host.disk}`,
    Lab: `Holdfast ${host.lab_version}, Node ${host.node_version}`,
  }
  const rows = Object.entries(items).map(([name, value]) => `<div><dt>${name}</dt><dd>${escape(value)}</dd></div>`)
  return `<dl>${rows.join('')}</dl>`
}

function cautions({ cautions: list }: Report): string {
  if (list.length === 0) return ''
  return `<ul class="cautions">${list.map((caution) => `<li>${escape(caution)}</li>`).join('')}</ul>`
}

function legend({ targets }: Report): string {
  const items = targets.map((target, index) => `<li><i class="${colour(index)}"></i>${escape(target)}</li>`)
  return `<ul class="legend">${items.join('')}</ul>`
}

function comparison({ a, b, cells }: Report['comparisons'][number]): string {
  const rows = cells.map((cell) => {
    const notes = [...cell.warnings, adviceFor(cell)].filter((note) => note !== null)
    return `<tr><th scope="row">${escape(cellLabel(cell))}</th><td>${cell.estimate ? formatRatio(cell.estimate) : ''}</td>
<td>${cell.estimate?.samples ?? 0}</td><td>${escape(describeVerdict(cell))}</td><td>${notes.map(escape).join('<br>')}</td></tr>`
  })
  return `<section><h2>${escape(b)} against ${escape(a)}</h2>
<p>Ratio of speeds in pairs of uploads made next to each other, with its 95 % interval. Within the band a difference is none.</p>
<div class="wide">${forestPlot(cells, a, b)}</div>
<details><summary>As a table</summary><div class="scroll"><table><thead><tr><th scope="col">Cell</th><th scope="col">Ratio</th><th scope="col">Pairs</th>
<th scope="col">Verdict</th><th scope="col">Notes</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></details></section>`
}

function failures({ failures: list }: Report): string {
  if (list.length === 0) return '<section><h2>Failures</h2><p>None.</p></section>'
  const items = list.map(({ cell, iteration }) => {
    const name = `${cell.target.name}, ${cell.ram_mb} MB, ${cell.file_size}, #${iteration.iteration}`
    const phase = iteration.phases.find(({ error }) => error !== null)?.name
    return `<details><summary><span class="failed">✖ ${escape(iteration.exit_reason.replaceAll('_', ' '))}</span> ${escape(name)}</summary>
<p>${escape(iteration.message ?? '')}${phase ? ` (while: ${escape(phase)})` : ''}</p>${
      iteration.log_tail.trim() ? `<pre>${escape(iteration.log_tail.trim())}</pre>` : '<p>The server wrote nothing.</p>'
    }</details>`
  })
  return `<section><h2>Failures</h2>${items.join('')}</section>`
}
