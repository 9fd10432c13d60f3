/** What a person sees of builds while they run. */
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { PlainProgress, TerminalProgress } from '../../src/cli/build-progress.ts'
import { createBuild, type Build, type Provisioner } from '../../src/state/index.ts'

class Screen extends Writable {
  readonly columns = 40
  text = ''

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

const step = (status: Provisioner['status']): Provisioner => ({
  name: 'shell: a name that is far too long for a screen as narrow as this',
  status,
  error: status === 'failed' ? 'no' : null,
  startedAt: '2026-11-22T00:00:00.000Z',
  endedAt: status === 'running' ? null : '2026-11-22T00:01:05.000Z',
})
const build = (status: Build['status'], ...steps: Provisioner[]) =>
  createBuild({ name: 't/a', source: 'a', status, provisioners: steps, startedAt: '2026-11-22T00:00:00.000Z' })

describe('lines', () => {
  it('tell each step once, with its time and its error', () => {
    const screen = new Screen()
    const progress = new PlainProgress(screen, false)
    progress.saved(build('creating', { ...step('pending'), startedAt: null }))
    progress.saved(build('provisioning', step('running')))
    progress.saved(build('provisioning', step('complete')))
    progress.saved(build('complete', step('complete')))
    progress.line('t/a', 'only with --verbose')
    assert.match(screen.text, /^t\/a: step 1 of 1, shell: .*: begins\nt\/a: .*: complete \(1m5s\)\n$/)
  })

  it("have packer's own between them with --verbose", () => {
    const screen = new Screen()
    new PlainProgress(screen, true).line('t/a', '==> null.a: hello\n')
    assert.equal(screen.text, 't/a | ==> null.a: hello\n')
  })
})

describe('a terminal', () => {
  it('has a line for what runs, no longer than it is wide, under what is said', () => {
    const screen = new Screen()
    const progress = new TerminalProgress(screen, false)
    progress.begin(['t/a'])
    progress.saved(build('provisioning', step('running')))
    const [line = ''] = screen.text.split('\n')
    assert.match(line, /^t\/a {2}\S+ {2}step 1 of 1, shell/)
    assert.ok(line.length < 40)
    screen.text = ''
    progress.note('t/a', 'a note')
    assert.ok(screen.text.startsWith('\u001B[1A\u001B[Jt/a: a note\nt/a  '), screen.text)
    screen.text = ''
    progress.ended({ name: 't/a', status: 'up to date', build: build('complete', step('complete')) })
    progress.close()
    assert.equal(screen.text, '\u001B[1A\u001B[Jt/a: up to date\n')
  })
})
