/** The routes of builds: the real server beside real states, which other processes write to meanwhile. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readProcessStat } from '../../src/base/index.ts'
import { groupOf } from '../../src/builds/process-group.ts'
import { StateManager } from '../../src/state/index.ts'
import { eventually, startServer, temporaryFolder, type TestServer } from '../support/server.ts'
import { logOf, metadataOf, record, stepOn, TEMPLATE, type Known } from './recorded.ts'

interface Summary {
  state: string
  name: string
  status: string
  template: string | null
  workedOnBy: string | null
  currentStep: { number: number; name: string } | null
  steps: { total: number; complete: number }
}
interface Listing {
  states: { name: string; builds: number; statuses: Record<string, number>; problem: { code: string } | null }[]
  builds: Summary[]
  next: string | null
}

const ODD = `weird "dir"/null.<b>ä 😀 100%/..`
const PENDING = { status: 'pending', error: null, startedAt: null, endedAt: null } as const

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

const at = (state: string, name: string, rest = '') => `/api/builds/${state}/${encodeURIComponent(name)}${rest}`
const list = async (query = '') => (await server.owner(`/api/builds${query}`)).json<Listing>()
const put = (builds: readonly Known[], log?: string, state = 'default') => record(server.dataFolder, state, builds, log)

describe('the list', () => {
  it('is empty, and loads nothing of states, while there are none', async () => {
    await using fresh = await startServer({ args: ['--log-level', 'silent'] })
    assert.deepEqual((await fresh.owner('/api/builds')).json(), { states: [], builds: [], next: null })
    assert.equal((await fresh.owner('/api/session')).json().hasStates, false)
    assert.equal((await fresh.owner('/api/builds/default/x')).status, 404)
    // Asking for a state does not make one.
    assert.equal((await fresh.owner('/api/session')).json().hasStates, false)
    assert.equal((await fresh.guest('/api/builds')).status, 401)
  })

  it('shows the newest first, with its step, and pages through all states', async () => {
    const steps = [
      { ...PENDING, name: 'one', status: 'complete' },
      { ...PENDING, name: 'two', status: 'running' },
    ] as const
    await put([{ name: 'u/null.a' }, { name: 'u/null.b', status: 'provisioning', provisioners: steps }], undefined, 'a')
    await put([{ name: ODD, status: 'failed', error: 'no' }], undefined, 'b')
    assert.equal((await server.owner('/api/session')).json().hasStates, true)
    assert.equal((await server.guest('/api/session')).json().hasStates, false)

    const all = await list()
    assert.deepEqual(
      all.builds.map(({ state, name }) => [state, name]),
      [
        ['a', 'u/null.b'],
        ['a', 'u/null.a'],
        ['b', ODD],
      ],
    )
    const [running] = all.builds
    assert.deepEqual(running?.currentStep, { number: 2, name: 'two', startedAt: null })
    assert.deepEqual(running.steps, { total: 2, complete: 1 })
    assert.equal(running.template, TEMPLATE)
    assert.deepEqual(
      all.states.map(({ name, builds, statuses }) => [name, builds, statuses]),
      [
        ['a', 2, { pending: 1, provisioning: 1 }],
        ['b', 1, { failed: 1 }],
      ],
    )
    const names: string[] = []
    for (let next: string | null = ''; next !== null;) {
      const page: Listing = await list(`?limit=1${next && `&after=${next}`}`)
      names.push(...page.builds.map(({ name }) => name))
      next = page.next
    }
    assert.deepEqual(names, ['u/null.b', 'u/null.a', ODD])
    assert.deepEqual((await list('?status=failed')).builds.length, 1)
    assert.deepEqual((await list('?state=b')).builds.length, 1)
    assert.equal((await list('?state=b&status=complete')).builds.length, 0)
    for (const query of ['?after=x', '?status=broken', '?limit=0']) {
      assert.equal((await server.owner(`/api/builds${query}`)).status, 400, query)
    }
  })

  it('costs nothing while no state changes', async () => {
    await put([{ name: 'over', status: 'failed' }], undefined, 'etag')
    const { headers } = await server.owner('/api/builds?state=etag')
    const etag = headers.get('etag') ?? ''
    const again = () => server.owner('/api/builds?state=etag', { headers: { 'if-none-match': etag } })
    assert.equal((await again()).status, 304)
    await put([{ name: 'over', status: 'failed', error: 'why' }], undefined, 'etag')
    assert.equal((await again()).status, 200)
    // Packer's end would change no state: while it runs by itself there is nothing to compare with.
    await put([{ name: 'over', status: 'creating' }], undefined, 'etag')
    assert.equal((await server.owner('/api/builds?state=etag')).headers.get('etag'), null)
  })

  it('names a damaged state, shows the others, and notices a restored or removed state', async () => {
    const path = join(server.dataFolder, 'states', 'broken.db')
    writeFileSync(path, 'this is not a database, however long one looks at it'.repeat(100))
    const { states, builds } = await list()
    assert.equal(states.find(({ name }) => name === 'broken')?.problem?.code, 'STATE_DAMAGED')
    assert.ok(builds.length > 0)
    assert.equal((await server.owner(at('broken', 'x'))).status, 500)

    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    await put([{ name: 'whole again' }], undefined, 'broken')
    assert.equal((await server.owner(at('broken', 'whole again'))).status, 200)
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    assert.equal((await server.guest('/metrics')).status, 200)
    assert.equal((await server.owner(at('broken', 'whole again'))).status, 404)
    await put([{ name: 'other' }], undefined, 'broken')
    assert.equal((await server.owner(at('broken', 'other'))).status, 200)
  })
})

describe('a build', () => {
  it('is found by whatever name it has, with its history', async () => {
    const longest = '\u4e16'.repeat(512)
    for (const name of [ODD, longest, 'plain', '<script>alert(1)</script>']) {
      await put([{ name }])
      await put([{ name, status: 'creating' }])
      const answer = await server.owner(at('default', name))
      assert.equal(answer.status, 200, answer.text)
      assert.equal(answer.json().name, name)
      const { history } = (await server.owner(at('default', name, '/history'))).json<{ history: { who: string }[] }>()
      assert.equal(history.length, 2)
      assert.match(history[0]?.who ?? '', /pid/)
    }
    assert.equal((await server.owner(at('default', 'missing'))).status, 404)
    assert.equal((await server.owner(at('default', 'missing', '/history'))).status, 404)
    assert.equal((await server.owner(at('..%2F..%2Fetc', 'x'))).status, 404)
  })

  it('is shown as far as it is known when another program recorded it', async () => {
    const foreign = { template: 5, run: { id: 'x', log: null, from: 'three' }, note: ['a'] }
    const output = `\u001b[31mred\u001b[0m\n10%\r20%\r\n${'x'.repeat(50_000)}`
    const provisioners = [{ ...PENDING, name: 'one', status: 'failed', exitStatus: 3, output, attempts: 2 }] as const
    await put([{ name: 'foreign', metadata: foreign, createdAt: 'yesterday', provisioners }])
    const build = (await server.owner(at('default', 'foreign'))).json()
    assert.deepEqual([build.template, build.note, build.createdAt], [null, null, null])
    const [step] = build.steps as { output: string; exitStatus: number }[]
    assert.equal(step?.output, 'x'.repeat(16_000))
    assert.equal(step.exitStatus, 3)
    assert.equal((await server.owner(at('default', 'foreign', '/log'))).status, 404)
  })
})

describe('a build under way', () => {
  const worker = async () => (await server.owner(at('worked', 'w/null.a'))).json().workedOnBy
  const listed = async () => (await list('?state=worked')).builds[0]?.workedOnBy

  it('names its worker: the holder of the lock, Packer alone, or none', async () => {
    const packer = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    after(() => packer.kill('SIGKILL'))
    const stat = readFileSync(`/proc/${packer.pid}/stat`, 'latin1')
    const group = groupOf(stat)
    const log = logOf(server.dataFolder, 'worked', 'w/null.a')
    const metadata = metadataOf(log)
    const run = { ...(metadata.run as object), pid: group?.pid ?? null, pidStartedAt: group?.startedAt ?? null }
    await put([{ name: 'w/null.a', status: 'creating', metadata: { ...metadata, run } }], undefined, 'worked')
    assert.deepEqual([await worker(), await listed()], ['packer', 'packer'])
    {
      await using manager = await StateManager.open(server.dataFolder, { name: 'worked', backups: false })
      await using lock = await manager.lock({ operation: 'build', info: TEMPLATE })
      lock.assertHeld()
      assert.deepEqual([await worker(), await listed()], ['holdfast', 'holdfast'])
    }
    {
      await using manager = await StateManager.open(server.dataFolder, { name: 'worked', backups: false })
      await using lock = await manager.lock({ operation: 'build', info: '/another/template.pkr.hcl' })
      lock.assertHeld()
      assert.equal(await worker(), 'packer')
    }
    const listener = new Listener(server, at('worked', 'w/null.a', '/events'))
    await eventually(() => listener.events[0]?.data.workedOnBy === 'packer')
    packer.kill('SIGKILL')
    await once(packer, 'exit')
    assert.deepEqual([await worker(), await listed()], ['nobody', 'nobody'])
    await eventually(() => listener.events.at(-1)?.data.workedOnBy === 'nobody')
    await listener.leave()
    await put([{ name: 'w/null.a', status: 'failed', metadata: { ...metadata, run } }], undefined, 'worked')
    assert.equal(await worker(), null)
  })
})

describe('the log', () => {
  const machine = [
    '1795313805,,ui,say,==> null.a: Running local shell script: /tmp/x',
    '1795313805,,ui,message,    null.a: hello%!(PACKER_COMMA) world',
    '1795313805,,error-count,1',
    '1795313805,null.a,error,Script exited',
    String.raw`1795313805,,ui,error,\n==> Some builds`,
    'no line of packer\u001b[31m, red\u001b[0m',
  ].join('\n')
  const readable = [
    '==> null.a: Running local shell script: /tmp/x',
    '    null.a: hello, world',
    '==> Some builds',
    'no line of packer, red',
    '',
  ].join('\n')

  it('is readable as a whole and from its end, and by ranges as it was written', async () => {
    await put([{ name: 'logged' }], machine)
    const read = (rest = '', headers = {}) => server.owner(at('default', 'logged', `/log${rest}`), { headers })
    const whole = await read()
    assert.equal(whole.text, readable)
    assert.equal(whole.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal((await read('?tail=50')).text, 'no line of packer, red\n')
    assert.equal((await read('?tail=0')).text, '')
    assert.equal((await read('?tail=100000')).text, readable)
    const part = await read('', { range: 'bytes=-10' })
    assert.deepEqual([part.status, part.text], [206, machine.slice(-10)])
    assert.equal(
      part.headers.get('content-range'),
      `bytes ${machine.length - 10}-${machine.length - 1}/${machine.length}`,
    )
    assert.equal((await read('', { range: 'bytes=99999-' })).status, 416)
    assert.equal((await server.guest(at('default', 'logged', '/log'))).status, 401)
  })

  it('comes from a real Packer', async () => {
    const folder = temporaryFolder()
    const template = join(folder, 't.pkr.hcl')
    const step = 'provisioner "shell-local" { inline = ["echo one, two; echo three"] }'
    writeFileSync(
      template,
      `source "null" "a" {\n communicator = "none"\n}\nbuild {\n sources = ["source.null.a"]\n ${step}\n}\n`,
    )
    const env = { PATH: process.env.PATH, HOME: folder, CHECKPOINT_DISABLE: '1' }
    const output = execFileSync('packer', ['build', '-machine-readable', template], { env, timeout: 30_000 })
    await put([{ name: 'real' }], output.toString())
    const { text } = await server.owner(at('default', 'real', '/log'))
    assert.match(text, /^ {4}null\.a: one, two\n {4}null\.a: three$/m)
    assert.doesNotMatch(text, /^\d+,/m)
  })

  it('is never another file, whatever the record says', async () => {
    const folder = server.dataFolder
    const secret = join(folder, 'secret.txt')
    writeFileSync(secret, 'the secret')
    const runs = join(folder, 'builds', 'default', 'run-1')
    mkdirSync(runs, { recursive: true })
    symlinkSync(secret, join(runs, 'link.log'))
    symlinkSync(folder, join(runs, 'up'))
    execFileSync('mkfifo', [join(runs, 'pipe.log')])
    mkdirSync(join(folder, 'builds-of-others'))
    writeFileSync(join(folder, 'builds-of-others', 'packer.log'), 'the secret')
    const paths = [
      secret,
      '/etc/passwd',
      'secret.txt',
      join(runs, '../../../secret.txt'),
      `${folder}/builds/../secret.txt`,
      join(runs, 'link.log'),
      join(runs, 'up/secret.txt'),
      join(runs, 'pipe.log'),
      runs,
      `${folder}/builds-of-others/packer.log`,
      `${runs}/nul\0.log`,
      `${runs}/${'long'.repeat(2000)}`,
      '',
      '/proc/self/environ',
    ]
    for (const [index, path] of paths.entries()) {
      const name = `sly-${index}`
      await put([{ name, metadata: metadataOf(path) }])
      const answer = await server.owner(at('default', name, '/log'))
      assert.deepEqual([answer.status, answer.text.includes('secret')], [404, false], path)
    }
    // The same places are read when they are what they seem.
    writeFileSync(join(runs, 'inside.log'), 'inside')
    symlinkSync(join(runs, 'inside.log'), join(runs, 'inner-link.log'))
    linkSync(join(runs, 'inside.log'), join(runs, 'relative.log'))
    for (const path of [join(runs, 'inner-link.log'), 'builds/default/run-1/relative.log']) {
      await put([{ name: 'honest', metadata: metadataOf(path) }])
      assert.equal((await server.owner(at('default', 'honest', '/log'))).text, 'inside\n')
    }
  })
})

/** What a listener has been told so far. */
class Listener {
  readonly #gone = new AbortController()
  text = ''
  status = 0
  /** Resolves when the server has ended the answer as it should. */
  readonly ended: Promise<void>

  constructor(from: TestServer, path: string) {
    this.ended = this.#listen(from, path)
  }

  async #listen(from: TestServer, path: string): Promise<void> {
    const response = await fetch(from.url + path, { headers: { cookie: from.cookie }, signal: this.#gone.signal })
    this.status = response.status
    if (!response.body) return
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) this.text += chunk
  }

  get events(): { name: string; data: Record<string, unknown> }[] {
    return [...this.text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, name = '', data = '']) => {
      return { name, data: JSON.parse(data) as Record<string, unknown> }
    })
  }

  get log(): string {
    let text = ''
    for (const { name, data } of this.events) if (name === 'log') text = (data.isNew ? '' : text) + String(data.text)
    return text
  }

  get statuses(): unknown[] {
    return this.events.filter(({ name }) => name === 'build').map(({ data }) => data.status)
  }

  async leave(): Promise<void> {
    this.#gone.abort()
    await assert.rejects(this.ended, { name: 'AbortError' })
  }
}

describe('live', () => {
  const provisioners = [{ ...PENDING, name: 'one' }]

  it('sends each step that another process saves, and its log', async () => {
    const name = 'live/null.a'
    await put([{ name, provisioners }], 'first line\n')
    const listener = new Listener(server, at('default', name, '/events'))
    await eventually(() => listener.log === 'first line\n')
    for (const [step, status] of [
      ['create', 'creating'],
      ['start', 'provisioning'],
      ['finish', 'provisioning'],
      ['complete', 'complete'],
    ] as const) {
      await stepOn(server.dataFolder, name, step, `1795313805,,ui,say,now ${step}`)
      await eventually(() => listener.statuses.at(-1) === status && listener.log.endsWith(`now ${step}\n`))
    }
    assert.deepEqual(listener.statuses, ['pending', 'creating', 'provisioning', 'provisioning', 'complete'])
    assert.equal(listener.log, 'first line\nnow create\nnow start\nnow finish\nnow complete\n')
    // A save of another build is nothing new here.
    await put([{ name: 'another build' }])
    const path = logOf(server.dataFolder, 'default', name)
    appendFileSync(path, 'half a li')
    appendFileSync(path, 'ne\n')
    await eventually(() => listener.log.endsWith('half a line\n'))
    assert.equal(listener.statuses.length, 5)
    await listener.leave()
  })

  it("begins with the end of a long log, and again with the end of another run's log", async () => {
    const name = 'long/null.a'
    const line = (index: number) => `line ${index}\n`
    const long = Array.from({ length: 50_000 }, (_, index) => line(index)).join('')
    await put([{ name, provisioners }], long)
    const listener = new Listener(server, at('default', name, '/events'))
    await eventually(() => listener.log.endsWith(line(49_999)))
    assert.ok(listener.log.length < 200_000)
    assert.match(listener.log, /^line \d+\n/)
    assert.equal(listener.events.at(-1)?.data.isCut, true)
    const other = join(dirname(logOf(server.dataFolder, 'default', name)), 'second.log')
    writeFileSync(other, `${long}second run\n`)
    await put([{ name, provisioners, metadata: metadataOf(other) }])
    const last = () => listener.events.findLast((event) => event.name === 'log')?.data
    await eventually(() => listener.log.endsWith('second run\n'))
    assert.equal(last()?.isNew, true)
    // So much at once that only its end is worth sending; the server must not look in the middle of it.
    server.program.signal('SIGSTOP')
    await eventually(() => readProcessStat(server.pid)?.state === 'T')
    appendFileSync(other, `${long}much more\n`)
    server.program.signal('SIGCONT')
    await eventually(() => listener.log.endsWith('much more\n'))
    assert.deepEqual([last()?.isNew, last()?.isCut, String(last()?.text).length < 200_000], [true, true, true])
    await listener.leave()
  })

  it('says that the build is gone, and is 404 or 401 from the beginning', async () => {
    await put([{ name: 'gone' }])
    const listener = new Listener(server, at('default', 'gone', '/events'))
    await eventually(() => listener.statuses.length === 1)
    {
      await using manager = await StateManager.open(server.dataFolder, { backups: false })
      await manager.update((draft) => draft.remove('gone'))
    }
    await listener.ended
    assert.equal(listener.events.at(-1)?.data.code, 'NOT_FOUND')
    assert.equal((await server.owner(at('default', 'gone', '/events'))).status, 404)
    assert.equal((await server.guest(at('default', 'gone', '/events'))).status, 401)
  })

  it('ends when the server stops, which does not wait for it', async () => {
    await using other = await startServer({ args: ['--log-level', 'silent'] })
    await record(other.dataFolder, 'default', [{ name: 'x' }])
    const listener = new Listener(other, at('default', 'x', '/events'))
    await eventually(() => listener.statuses.length === 1)
    const startedAt = performance.now()
    assert.deepEqual(await other.stop(), { code: 0, signal: null })
    await listener.ended
    // What it waits for it would wait for 30 s.
    assert.ok(performance.now() - startedAt < 25_000)
  })
})
