import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinePresenter, TerminalPresenter } from '../../src/lab/index.ts'

const CELL = { target: 'holdfast', ramMb: 256, fileSize: '100M', iteration: 3 }

function output(columns?: number) {
  const written: string[] = []
  return { written, write: (text: string) => written.push(text), ...(columns && { columns }) }
}

describe('progress on a terminal', () => {
  it('shows the phase that goes on, in one line that never wraps', () => {
    const out = output(40)
    const presenter = new TerminalPresenter(out)
    presenter.phaseBegins(CELL, 'wait until ready')
    const [line = ''] = out.written
    assert.match(line, /holdfast 256 MB 100M #3: wait/)
    assert.ok(line.replace('\r\u001B[K', '').length < 40)
  })
})

describe('progress in a log', () => {
  it('has a line for each phase that has ended, with the time and what it took', () => {
    const out = output()
    const presenter = new LinePresenter(out)
    presenter.phaseBegins()
    presenter.phase(CELL, 'upload', 1.5, 'HTTP 500')
    assert.equal(out.written.length, 1)
    assert.match(
      out.written[0] ?? '',
      /^\d{4}-\d\d-\d\dT\S+Z  holdfast 256 MB 100M #3  upload +1\.500 s  failed: HTTP 500\n$/,
    )
  })
})
