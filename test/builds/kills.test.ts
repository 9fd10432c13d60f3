/** kill -9 of packer, of holdfast, of both, at random moments; and the gentler ways to end a build. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readProcessStat, systemErrorCode } from '../../src/base/index.ts'
import { metadataOf } from '../../src/builds/index.ts'
import { generator, SEED } from '../support/random.ts'
import { rounds } from '../support/soak.ts'
import { finish, until, Workshop } from './support/workshop.ts'

const ROUNDS = rounds({ quick: 2, soak: 20 })
const KILLS_A_ROUND = 3
const STEPS = 5
/** A build of five steps with all that stands around them takes about this long on an idle machine. */
const LONGEST_MS = 2500

const VICTIMS = ['holdfast', 'all of packer', 'one process of packer', 'both'] as const

/** Says when it begins and ends, and when another step runs beside it. */
function countingStep(step: number): string[] {
  return [
    'exec 9>running',
    'flock -n 9 || echo OVERLAP >>count',
    `echo begin ${step} >>count`,
    'sleep 0.15',
    `echo end ${step} >>count`,
  ]
}

// They wait more than they work.
describe('kill -9', { concurrency: 3 }, () => {
  for (let round = 1; round <= ROUNDS; round++) {
    it(`at ${KILLS_A_ROUND} random moments leaves nothing to do twice (round ${round} of ${ROUNDS}, seed ${SEED})`, async () => {
      const random = generator(SEED + round)
      const shop = new Workshop()
      shop.writeSteps(...Array.from({ length: STEPS }, (_, step) => countingStep(step)))
      const story: string[] = []
      const done = new Map<number, number>()
      for (let kill = 0; kill < KILLS_A_ROUND; kill++) {
        story.push(await buildAndKill(shop, random))
        for (const [step, status] of (await shop.steps()).entries()) {
          if (status === 'complete' && !done.has(step)) done.set(step, begun(shop, step))
        }
      }
      const { status, out, err } = await shop.build('steps.pkr.hcl')
      const why = `${story.join('\n')}\n${shop.read('count')}\n${out}${err}`
      assert.equal(status, 0, why)
      assert.deepEqual(
        await shop.steps(),
        Array.from({ length: STEPS }, () => 'complete'),
        why,
      )
      for (const [step, times] of done) assert.equal(begun(shop, step), times, `step ${step} ran again\n${why}`)
      for (let step = 0; step < STEPS; step++) assert.match(shop.read('count'), new RegExp(`end ${step}`), why)
      assert.doesNotMatch(shop.read('count'), /OVERLAP/, why)
      assert.deepEqual(await shop.pids(), [])
      assert.deepEqual(shop.leftTemplates(), [])
    })
  }
})

async function buildAndKill(shop: Workshop, random: (below: number) => number): Promise<string> {
  const child = shop.start('build', 'steps.pkr.hcl')
  const ended = finish(child)
  const delayMs = random(LONGEST_MS)
  await Promise.race([sleep(delayMs), ended])
  const victim = VICTIMS[random(VICTIMS.length)] ?? 'both'
  if (victim === 'holdfast' || victim === 'both') child.kill('SIGKILL')
  const pids = victim === 'holdfast' ? [] : await shop.pids()
  const chosen = victim === 'one process of packer' ? [pids[random(Math.max(1, pids.length))] ?? 0] : pids
  for (const pid of chosen.filter((one) => one > 0)) tryKill(pid)
  const { status, out } = await ended
  return `${victim} after ${delayMs} ms (${status}, ${pids.length} processes)\n${out}`
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself this moment.
  }
}

/** False for a zombie, whose parent has not waited for it yet. */
function isAlive(pid: number): boolean {
  const stat = readProcessStat(pid)
  return stat !== null && stat.state !== 'Z'
}

/** With a NUL behind each word; empty when the process has ended, be it this very moment. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return ''
    throw error
  }
}

function isPacker(pid: number): boolean {
  return /^\S*packer\0/.test(commandLine(pid))
}

/** Not a plugin. */
function isMain(pid: number): boolean {
  return commandLine(pid).includes('\0build\0')
}

function parentOf(pid: number): number {
  return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1])
}

function begun(shop: Workshop, step: number): number {
  return shop
    .read('count')
    .split('\n')
    .filter((line) => line === `begin ${step}`).length
}

describe('a build whose Holdfast was killed', () => {
  it('goes on, and is followed by the next one', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo one >>count', 'while ! test -e go; do sleep 0.05; done'], ['echo two >>count'])
    const child = shop.start('build', 'steps.pkr.hcl')
    await until(() => shop.read('count') !== '')
    child.kill('SIGKILL')
    const build = await shop.record('steps/null.a')
    const next = shop.start('build', 'steps.pkr.hcl')
    let said = ''
    next.stdout?.on('data', (data: Buffer) => (said += data.toString()))
    const ended = finish(next)
    await until(() => said.includes('following it'))
    assert.match(
      said,
      new RegExp(
        `is still running without its Holdfast \\(started \\S+, pid ${build && metadataOf(build)?.run.pid}\\)`,
      ),
    )
    assert.match(said, new RegExp(`pid ${child.pid}\\) held the lock before and never released it`))
    shop.write('go', '')
    assert.equal((await ended).status, 0)
    assert.equal(shop.read('count'), 'one\ntwo\n')
  })

  it('is not taken for what it was before, when a script changes while it is followed', async () => {
    const shop = new Workshop()
    const script = (what: string) => chmodSync(shop.write('two.sh', `#!/bin/sh\necho ${what} >>count\n`), 0o755)
    script('old')
    shop.write(
      'late.pkr.hcl',
      `source "null" "a" { communicator = "none" }
build {
  sources = ["null.a"]
  provisioner "shell-local" { inline = ["touch began; while ! test -e go; do sleep 0.05; done"] }
  provisioner "shell-local" { script = "two.sh" }
}
`,
    )
    const child = shop.start('build', 'late.pkr.hcl')
    await until(() => existsSync(join(shop.folder, 'began')))
    child.kill('SIGKILL')
    const next = shop.start('build', 'late.pkr.hcl')
    let said = ''
    next.stdout?.on('data', (data: Buffer) => (said += data.toString()))
    const ended = finish(next)
    await until(() => said.includes('following it'))
    script('new')
    shop.write('go', '')
    assert.equal((await ended).status, 0)
    script('old')
    assert.equal((await shop.build('late.pkr.hcl')).status, 0)
    assert.equal(shop.read('count'), 'new\nold\n')
  })

  it('is killed at the second Ctrl-C, when it takes long to end', { timeout: 60_000 }, async () => {
    const shop = new Workshop()
    shop.writeSteps([`(trap '' INT TERM; echo begun >>count; exec sleep 200) & wait`])
    const child = shop.start('build', 'steps.pkr.hcl')
    await until(() => shop.read('count') !== '')
    child.kill('SIGKILL')
    const pids = await shop.pids()
    shop.writeSteps(['echo other'])
    const next = shop.start('build', 'steps.pkr.hcl')
    let said = ''
    next.stdout?.on('data', (data: Buffer) => (said += data.toString()))
    const ended = finish(next)
    await until(() => said.includes('ending it'))
    next.kill('SIGINT')
    await until(() => said.includes('once more to kill it'))
    next.kill('SIGINT')
    assert.equal((await ended).status, 130)
    assert.deepEqual(pids.filter(isAlive), [])
  })

  it('has its files where it ran, wherever the next one runs', async () => {
    const shop = new Workshop()
    const template = shop.write(
      'made.pkr.hcl',
      `source "null" "a" { communicator = "none" }
build {
  sources = ["null.a"]
  provisioner "shell-local" { inline = ["touch began; while ! test -e go; do sleep 0.05; done; echo made >out"] }
  post-processor "artifice" { files = ["out"] }
}
`,
    )
    const child = shop.start('build', template)
    await until(() => existsSync(join(shop.folder, 'began')))
    child.kill('SIGKILL')
    const elsewhere = join(shop.folder, 'elsewhere')
    mkdirSync(elsewhere)
    writeFileSync(join(elsewhere, 'out'), 'of another program')
    shop.cwd = elsewhere
    shop.write('go', '')
    await until(() => shop.read('out') !== '')
    const { status, out } = await shop.build(template)
    assert.equal(status, 0, out)
    const [artifact] = (await shop.record('made/null.a'))?.artifacts ?? []
    assert.deepEqual([artifact?.path, artifact?.sizeBytes], [join(shop.folder, 'out'), 5])
  })

  it('is ended when its template has changed meanwhile', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo old >>count', 'sleep 60; echo woke >>count'])
    const child = shop.start('build', 'steps.pkr.hcl')
    await until(() => shop.read('count') !== '')
    child.kill('SIGKILL')
    const pids = await shop.pids()
    assert.ok(pids.length > 1)
    shop.writeSteps(['echo new >>count'])
    const { status, out } = await shop.build('steps.pkr.hcl')
    assert.equal(status, 0, out)
    assert.match(out, /but its template has changed; ending it/)
    assert.equal(shop.read('count'), 'old\nnew\n')
    assert.deepEqual(pids.filter(isAlive), [])
  })

  it('shows the step that Packer was killed in as failed, and the build as interrupted', async () => {
    const shop = new Workshop()
    shop.writeSteps(['true'], ['echo two >>count', 'sleep 60'], ['true'])
    const child = shop.start('build', 'steps.pkr.hcl')
    const ended = finish(child)
    await until(() => shop.read('count') !== '')
    await shop.killPacker()
    assert.equal((await ended).status, 1)
    assert.deepEqual(await shop.steps(), ['complete', 'failed', 'pending'])
    const build = await shop.record('steps/null.a')
    assert.equal(build?.status, 'interrupted')
    assert.match(build.provisioners[1]?.error ?? '', /^interrupted: /)
  })
})

describe('a step whose Packer alone was killed', () => {
  it('is interrupted, although the outer of its two processes exits with 0', async () => {
    const shop = new Workshop()
    shop.writeSteps(['true'], ['echo two >>count', 'sleep 60'], ['true'])
    const ended = finish(shop.start('build', 'steps.pkr.hcl'))
    await until(() => shop.read('count') !== '')
    const pids = (await shop.pids()).filter((pid) => isPacker(pid))
    const inner = pids.filter((pid) => isMain(pid) && pids.includes(parentOf(pid)))
    assert.equal(inner.length, 1)
    for (const pid of inner) tryKill(pid)
    const { status, out } = await ended
    assert.equal(status, 1, out)
    assert.deepEqual(await shop.steps(), ['complete', 'failed', 'pending'])
    assert.equal((await shop.record('steps/null.a'))?.status, 'interrupted')
    assert.deepEqual(await shop.pids(), [])
  })

  it('is ended too: it must not meet itself when it runs again', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo begin >>count', 'while ! test -e go; do sleep 0.05; done', 'echo end >>count'])
    const ended = finish(shop.start('build', 'steps.pkr.hcl'))
    await until(() => shop.read('count') !== '')
    for (const pid of await shop.pids()) if (isPacker(pid)) tryKill(pid)
    assert.equal((await ended).status, 1)
    assert.deepEqual(await shop.pids(), [])
    shop.write('go', '')
    assert.equal((await shop.build('steps.pkr.hcl')).status, 0)
    assert.equal(shop.read('count'), 'begin\nbegin\nend\n')
  })
})

describe('a signal', () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`${signal} stops packer, is recorded and exits ${code}`, async () => {
      const shop = new Workshop()
      shop.writeSteps(['echo one >>count', 'sleep 60'])
      const child = shop.start('build', 'steps.pkr.hcl')
      const ended = finish(child)
      await until(() => shop.read('count') !== '')
      child.kill(signal)
      const { status, out } = await ended
      assert.equal(status, code, out)
      assert.equal((await shop.record('steps/null.a'))?.status, 'interrupted')
      assert.deepEqual(await shop.pids(), [])
      assert.match((await shop.run('lock', 'list')).out, /No lock is held/)
    })
  }

  it('kills a Packer that does not end when it comes twice', async () => {
    const shop = new Workshop()
    shop.writeSteps(["trap '' INT TERM", 'echo one >>count', 'while true; do sleep 0.1; done'])
    const child = shop.start('build', 'steps.pkr.hcl')
    let said = ''
    child.stdout?.on('data', (data: Buffer) => (said += data.toString()))
    const ended = finish(child)
    await until(() => shop.read('count') !== '')
    child.kill('SIGINT')
    // Two that come at once count as one.
    await until(() => said.includes('once more to kill it'))
    child.kill('SIGINT')
    assert.equal((await ended).status, 130)
    assert.deepEqual(await shop.pids(), [])
    assert.equal((await shop.record('steps/null.a'))?.status, 'interrupted')
  })
})

describe('--keep-on-failure', () => {
  it('leaves the machine running until the next build or prune', async () => {
    const shop = new Workshop()
    shop.writeSteps(['sleep 300 >/dev/null 2>&1 </dev/null & echo started'], ['test -e ok'])
    const { status, out } = await shop.build('--keep-on-failure', 'steps.pkr.hcl')
    assert.equal(status, 1)
    const [pid] = await shop.pids()
    assert.ok(pid)
    assert.match(out, new RegExp(`left running.*: pid ${pid}`))
    const build = await shop.record('steps/null.a')
    assert.equal(build && metadataOf(build)?.run.isKept, true)
    assert.match((await shop.run('builds', 'prune', '--dry-run')).out, /steps\/null\.a: 1 processes would be ended/)
    assert.equal((await shop.pids()).length, 1)
    shop.write('ok', '')
    assert.match((await shop.build('steps.pkr.hcl')).out, /ended what its last build had left running/)
    assert.deepEqual(await shop.pids(), [])
  })
})

describe('a lock that is broken', () => {
  it('stops the build, so that no other build meets its Packer', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo one >>count', 'sleep 60'])
    const child = shop.start('build', 'steps.pkr.hcl')
    const ended = finish(child)
    await until(() => shop.read('count') !== '')
    const [lock] = JSON.parse((await shop.run('lock', 'list', '--json')).out) as { name: string; id: string }[]
    assert.ok(lock)
    await shop.run('lock', 'force-unlock', lock.name, lock.id)
    const { status, err } = await ended
    assert.equal(status, 75)
    assert.match(err, /is lost/)
    assert.deepEqual(await shop.pids(), [])
  })
})
