/** What the pages of builds compute: durations, bars of the timeline, the held end of a log, addresses, commands. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { headlineOf } from '../../src/web/build-view/headline.ts'
import { appendLog, MAX_CHARACTERS } from '../../src/web/build-view/log-text.ts'
import {
  barOf,
  durationOf,
  formatTook,
  isAbandoned,
  isKept,
  isLive,
  spanOf,
  stepTook,
} from '../../src/web/build-view/times.ts'
import { buildHref, buildsHref, countBuilds, readBuildsView } from '../../src/web/pages/builds-query.ts'
import { matchRoute } from '../../src/web/routes.ts'
import type { Build, BuildStep, StepStatus } from '../../src/client/api-types.ts'

const NOON = Date.parse('2026-11-22T12:00:00Z')
const at = (seconds: number | null) => (seconds === null ? null : new Date(NOON + seconds * 1000).toISOString())

function step(status: StepStatus, from: number | null, to: number | null): BuildStep {
  const none = { error: null, exitStatus: null, output: null, attempts: null }
  return { name: 'one', status, startedAt: at(from), endedAt: at(to), ...none }
}

function build(more: Partial<Build>): Build {
  return {
    state: 'default',
    name: 'u/null.a',
    source: 'null.a',
    status: 'provisioning',
    template: null,
    createdAt: null,
    startedAt: at(0),
    endedAt: null,
    error: null,
    workedOnBy: null,
    packer: null,
    note: null,
    command: null,
    fingerprint: null,
    steps: [],
    artifacts: [],
    run: null,
    ...more,
  }
}

describe('times', () => {
  it('are the end minus the beginning, or until now while it runs', () => {
    assert.equal(durationOf(step('complete', 0, 5), null), 5000)
    assert.equal(durationOf(step('running', -7, null), NOON), 7000)
    // The end of the run before.
    assert.equal(durationOf(step('running', -7, -20), NOON), 7000)
    // The server's clock may go before the browser's.
    assert.equal(durationOf(step('running', 60, null), NOON), 0)
    assert.equal(durationOf(step('running', -7, null), null), null)
    assert.equal(durationOf(step('pending', null, null), NOON), null)
    assert.deepEqual([0, 449, 9949, 9950, 200_000].map(formatTook), ['0.0 s', '0.4 s', '9.9 s', '10 s', '3 min 20 s'])
  })

  it('stand still in an abandoned build', () => {
    const abandoned = build({ workedOnBy: 'nobody' })
    assert.deepEqual([isLive(abandoned), isAbandoned(abandoned)], [false, true])
    assert.deepEqual([isLive(build({})), isAbandoned(build({ status: 'failed', workedOnBy: null }))], [true, false])
    assert.equal(stepTook(step('running', -7, null), null), null)
    assert.equal(stepTook(step('running', -7, null), NOON), 7000)
    assert.equal(stepTook(step('failed', -7, null), NOON), null)
  })

  it('make bars within the span of the last run', () => {
    const steps = [step('complete', -1000, -900), step('complete', 0, 25), step('running', 25, null)]
    const run = { id: 'r', startedAt: at(0), from: 1, attempt: 1 }
    const running = build({ startedAt: at(-1000), run, steps })
    const span = spanOf(running, NOON + 100_000)
    assert.deepEqual(span, { from: NOON, to: NOON + 100_000 })
    const bars = steps.map((each) => barOf(each, { from: NOON, to: NOON + 100_000 }, NOON + 100_000))
    assert.deepEqual(bars, [null, { start: 0, width: 0.25 }, { start: 0.25, width: 0.75 }])
    assert.deepEqual(
      steps.map((each) => isKept(each, running)),
      [true, false, false],
    )
    const ended = build({ status: 'complete', endedAt: at(40), steps: [step('complete', 10, 30)] })
    assert.deepEqual(spanOf(ended, NOON + 1e9), { from: NOON, to: NOON + 40_000 })
    assert.equal(spanOf(build({ startedAt: null }), NOON), null)
  })
})

describe('the log', () => {
  it('grows, begins anew, and loses its beginning when it gets too long', () => {
    const first = appendLog(null, { text: 'a\n', isNew: true, isCut: true })
    assert.deepEqual(appendLog(first, { text: 'b\n', isNew: false, isCut: false }), { text: 'a\nb\n', isCut: true })
    assert.deepEqual(appendLog(first, { text: 'b\n', isNew: true, isCut: false }), { text: 'b\n', isCut: false })
    const line = `${'x'.repeat(99)}\n`
    const long = appendLog(null, { text: line.repeat(10_000), isNew: true, isCut: false })
    assert.ok(long.isCut && long.text.length <= MAX_CHARACTERS && long.text.length > MAX_CHARACTERS - 200)
    assert.ok(long.text.startsWith('x'.repeat(99)))
  })
})

describe('addresses', () => {
  it('lead to a build of any name and back', () => {
    for (const name of ['u/null.a', `<b>"'&?#% 100%`, 'ö/😀']) {
      const match = matchRoute(buildHref({ state: 'prod', name }))
      assert.deepEqual([match?.page, match?.state, match?.id], ['build', 'prod', name])
    }
  })

  it('hold the view of the list; nonsense is ignored', () => {
    const view = { state: 'prod', status: 'failed', after: 'x' } as const
    assert.deepEqual(readBuildsView(new URL(buildsHref(view), 'http://a').searchParams), view)
    assert.equal(buildsHref(readBuildsView(new URLSearchParams('status=broken'))), '/builds')
  })

  it('count the builds that a filter would show', () => {
    const state = (name: string, builds: number) => ({ name, builds, statuses: { failed: 1 }, problem: null })
    const list = { states: [state('a', 3), state('b', 4)], builds: [], next: null }
    const all = { state: '', status: '', after: '' } as const
    assert.deepEqual([countBuilds(list, all, ''), countBuilds(list, all, 'failed')], [7, 2])
    assert.deepEqual([countBuilds(list, { ...all, state: 'b' }, ''), countBuilds(list, all, 'complete')], [4, 0])
  })
})

it('shows the last line of the failed step as the headline of its build', () => {
  const ran = { name: 's', startedAt: null, endedAt: null, error: 'exit status 3', exitStatus: 3, attempts: 1 }
  const steps = [
    { ...ran, status: 'complete' as const, output: 'fine' },
    { ...ran, status: 'failed' as const, output: 'begins\nno licence found\n' },
  ]
  assert.equal(headlineOf({ status: 'failed', steps }), 'no licence found')
  assert.equal(headlineOf({ status: 'interrupted', steps }), null)
  assert.equal(headlineOf({ status: 'failed', steps: [{ ...ran, status: 'failed', output: null }] }), null)
})
