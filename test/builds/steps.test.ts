/** What may happen to a build, as pure functions: each version is a legal step for the state. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { endGroup, groupOf, isAlive, membersOf } from '../../src/builds/process-group.ts'
import {
  afterEvent,
  completed,
  continuedFailure,
  describeStatus,
  ended,
  pendingStep,
  withContinued,
} from '../../src/builds/steps.ts'
import { transientReason } from '../../src/builds/transient.ts'
import { createBuild, type Build } from '../../src/state/index.ts'
import { withTwoDashes } from '../../src/cli/packer-flags.ts'

const AT = '2026-11-22T00:00:00.000Z'
const fresh = () =>
  createBuild({
    name: 'a/b',
    source: 'b',
    status: 'creating',
    provisioners: ['x', 'y', 'z'].map((name) => pendingStep(name)),
  })
const play = (build: Build, ...events: ['start' | 'end', number][]) =>
  events.reduce((now, [event, step]) => afterEvent(now, { event, step, at: AT }).at(-1) ?? now, build)
const statuses = (build: Build) => build.provisioners.map(({ status }) => status)

describe('events', () => {
  it('start and end steps; repeated events and events without a step change nothing', () => {
    const build = play(
      fresh(),
      ['start', 0],
      ['start', 0],
      ['end', 0],
      ['end', 0],
      ['start', 1],
      ['end', 2],
      ['start', 7],
    )
    assert.equal(build.status, 'provisioning')
    assert.deepEqual(statuses(build), ['complete', 'running', 'pending'])
    assert.equal(build.provisioners[0]?.attempts, 1)
  })
})

describe('an end', () => {
  it('fails the running step and skips the rest; an interruption leaves the rest pending', () => {
    const build = play(fresh(), ['start', 0], ['end', 0], ['start', 1])
    const failed = ended(build, AT, { status: 'failed', error: 'no', exitStatus: 3 })
    assert.deepEqual(statuses(failed), ['complete', 'failed', 'skipped'])
    assert.deepEqual([failed.provisioners[1]?.exitStatus, failed.provisioners[1]?.error], [3, 'no'])
    const interrupted = ended(build, AT, { status: 'interrupted', error: 'killed', exitStatus: null })
    assert.deepEqual(statuses(interrupted), ['complete', 'failed', 'pending'])
    assert.equal(interrupted.provisioners[1]?.error, 'interrupted: killed')
  })

  it('says without any event that the builder ran no provisioner', () => {
    const build = completed(fresh(), AT, { artifacts: [], instance: null, metadata: {} })
    assert.deepEqual(statuses(build), ['skipped', 'skipped', 'skipped'])
    assert.match(build.provisioners[0]?.error ?? '', /ran no provisioner/)
  })
})

describe('a step with continue_on_error', () => {
  it('is told from a successful step by the output of Packer 1.16', () => {
    const text =
      '==> null.a: Warning: Provisioner failed with "Script exited with non-zero exit status: 9. ' +
      'Allowed exit codes are: [0]", but continue_on_error is set; continuing the build.'
    const failure = continuedFailure(text) ?? assert.fail()
    assert.equal(failure.exitStatus, 9)
    assert.equal(continuedFailure('==> null.a: but continue_on_error is set'), null)
    const step = { status: 'complete', error: null, startedAt: null, endedAt: null, exitStatus: 0 } as const
    const build = createBuild({
      name: 'b',
      source: 'null.a',
      provisioners: [
        { ...step, name: 'one' },
        { ...step, name: 'two' },
      ],
    })
    const [one, two] = withContinued(build, new Map([[0, failure]])).provisioners
    assert.ok(one && two)
    assert.deepEqual([one.exitStatus, one.error, describeStatus(one)], [9, failure.error, 'failed (continued)'])
    assert.deepEqual([two, describeStatus(two)], [{ ...step, name: 'two' }, 'complete'])
  })
})

describe('a failure', () => {
  const transient = [
    'E: Failed to fetch http://deb.debian.org/x  503  Service Unavailable',
    'curl: (22) The requested URL returned error: 502',
    'curl: (6) Could not resolve host: example.org',
    'Temporary failure resolving deb.debian.org',
    'dial tcp 10.0.0.1:22: connect: connection refused',
    'read tcp: connection reset by peer',
    'ssh: handshake failed: EOF',
    'Timeout waiting for SSH.',
    'E: Could not get lock /var/lib/dpkg/lock-frontend',
    'dial tcp: i/o timeout',
  ]
  for (const text of transient) it(`may pass: ${text}`, () => assert.ok(transientReason(100, '', text)))
  it('may pass when the script says so by exit status 75', () => assert.ok(transientReason(75, '', '')))

  const real = [
    'syntax error near unexpected token',
    'make: *** [all] Error 2',
    'line 503: no such file',
    'took 504 ms',
    '',
  ]
  for (const text of real)
    it(`is a real one: ${text || 'nothing said'}`, () => assert.equal(transientReason(1, text, text), null))
})

describe("packer's flags", () => {
  it('may have one dash, in front of the template and behind it; their values stay as they are', () => {
    assert.deepEqual(
      withTwoDashes([
        '-var',
        '-only',
        '-var=a=-force',
        '-var-file=x',
        't.json',
        '-force',
        '-except',
        'a,b',
        '--json',
        '--',
        '-only',
      ]),
      [
        '--var',
        '-only',
        '--var=a=-force',
        '--var-file=x',
        't.json',
        '--force',
        '--except',
        'a,b',
        '--json',
        '--',
        '-only',
      ],
    )
  })
})

describe('a process group', () => {
  it('is known by its pid and start time together, and ends with all its members', async () => {
    // It prints when its member runs: killed earlier, it would leave no process behind.
    const child = spawn('sh', ['-c', 'sleep 300 >/dev/null & echo started; sleep 300 >/dev/null'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    const group = groupOf(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))
    assert.ok(group)
    assert.ok(isAlive(group))
    const [place, ticks] = [
      group.startedAt.slice(0, group.startedAt.lastIndexOf('.')),
      Number(group.startedAt.split('.').at(-1)),
    ]
    for (const startedAt of [`${place}.${ticks + 1}`, `${place}.${ticks - 1}`, `x${group.startedAt}`]) {
      assert.deepEqual(membersOf({ pid: group.pid, startedAt }), [])
      assert.equal(isAlive({ pid: group.pid, startedAt }), false)
    }
    // Its first process gone, the rest is still the group.
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    assert.ok(isAlive(group))
    assert.equal(membersOf(group).length >= 1, true)
    await endGroup(group, 0)
    assert.equal(isAlive(group), false)
  })
})
