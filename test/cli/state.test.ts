/** The commands as a shell runs them. */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { statePath } from '../../src/state/index.ts'
import { SqliteBackups } from '../../src/state/sqlite/sqlite-backups.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { MAIN } from '../helpers/holdfast-main.ts'

const folder = tempFolder('cli-state')
let folders = 0

interface Result {
  status: number | null
  out: string
  err: string
}

function holdfast(data: string, ...args: string[]): Result {
  const env = { ...process.env, HOLDFAST_DATA: data }
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env,
    timeout: 60_000,
  })
  return { status, out: stdout, err: stderr }
}

function fresh(): string {
  return join(folder, String(folders++))
}

/** A data folder with the builds of `STATE_FILE`, at serial 1. */
function imported(): string {
  const data = fresh()
  const file = `${data}.json`
  writeFileSync(file, STATE_FILE)
  assert.equal(holdfast(data, 'state', 'import', file).status, 0)
  return data
}

const STATE_FILE = JSON.stringify({
  version: 1,
  serial: 2,
  builds: { web: { type: 'qemu', status: 'complete' }, db: {} },
})

describe('holdfast state', () => {
  it('imports, lists, shows, compares and rolls back', () => {
    const data = fresh()
    const file = join(folder, 'in.json')
    writeFileSync(file, STATE_FILE)
    assert.match(holdfast(data, 'state', 'import', file).out, /2 builds were imported .* serial is now 1/)
    assert.match(holdfast(data, 'state', 'list').out, /^NAME +STATUS +SERIAL\ndb +pending +1\nweb +complete +1\n$/)
    assert.deepEqual(JSON.parse(holdfast(data, 'state', 'list', '--json', '--status', 'complete').out), [
      { name: 'web', status: 'complete', serial: 1 },
    ])
    assert.equal(JSON.parse(holdfast(data, 'state', 'show', 'web').out).source, 'qemu')
    assert.equal(holdfast(data, 'state', 'show', 'none').status, 66)
    assert.match(holdfast(data, 'state', 'rollback', '0').out, /serial is now 2/)
    assert.match(holdfast(data, 'state', 'diff', '1').out, /^- db\n- web\n$/)
    assert.deepEqual(JSON.parse(holdfast(data, 'state', 'list', '--json').out), [])
    const history = JSON.parse(holdfast(data, 'state', 'history', '--json').out) as { operation: string; who: string }[]
    for (const { who } of history) assert.match(who, /^\S+@\S+ \(pid \d+\)$/)
    assert.deepEqual(
      history.map(({ operation }) => operation),
      ['rollback to 0', 'import'],
    )
  })

  it('refuses files that are not states, and changes nothing', () => {
    const data = fresh()
    const file = join(folder, 'bad.json')
    for (const text of ['', '{"builds":{', 'no json', '{}\0', '[]']) {
      writeFileSync(file, text)
      const { status, err } = holdfast(data, 'state', 'import', file)
      assert.equal(status, 65, text)
      assert.match(err, /^holdfast: \S+bad\.json .*\nNothing was changed/)
    }
    const missing = holdfast(data, 'state', 'import', join(folder, 'missing.json'))
    assert.deepEqual([missing.status, missing.err.includes('missing.json cannot be read')], [74, true])
    assert.equal(existsSync(data), false)
  })

  it('says where the damage is, and restores by one command', async () => {
    const data = imported()
    assert.equal(holdfast(data, 'state', 'backup').status, 0)
    assert.ok((await new SqliteBackups(data).list('default')).length > 0)
    const path = statePath(data, 'default')
    writeFileSync(path, readFileSync(path).fill(1, 0, 200))
    const broken = holdfast(data, 'state', 'verify')
    assert.equal(broken.status, 74)
    assert.match(broken.err, /damaged/)
    assert.match(holdfast(data, 'state', 'restore').out, /serial is now/)
    assert.equal(holdfast(data, 'state', 'verify').out, 'All is well.\n')
    assert.match(holdfast(data, 'state', 'list').out, /web/)
  })

  it('says so when it may not read the backups', () => {
    const data = imported()
    const backups = join(data, 'states', 'default.backups')
    rmSync(backups, { recursive: true, force: true })
    // Root may read everything but this.
    writeFileSync(backups, '')
    for (const words of [['backup', '--list'], ['restore']]) {
      const { status, err } = holdfast(data, 'state', ...words)
      assert.deepEqual([words, status], [words, 74])
      assert.match(err, /^holdfast: .*default\.backups cannot be read/)
    }
  })

  it('restores only from states, and leaves other files unchanged', () => {
    const data = fresh()
    const [good, empty, foreign] = [join(folder, 'good2.json'), join(folder, 'empty.db'), join(folder, 'foreign.db')]
    writeFileSync(good, STATE_FILE)
    writeFileSync(empty, '')
    const database = new DatabaseSync(foreign)
    database.exec('CREATE TABLE t (x)')
    database.close()
    holdfast(data, 'state', 'import', good)
    for (const [file, problem] of [
      [empty, 'it is empty'],
      [foreign, 'no such table: meta'],
      [good, 'file is not a database'],
      [folder, 'it is not a regular file'],
    ] as const) {
      const before = file === folder ? null : readFileSync(file)
      const { status, err } = holdfast(data, 'state', 'restore', file)
      assert.deepEqual([status, err.includes(problem)], [66, true], err)
      if (before) assert.deepEqual(readFileSync(file), before)
    }
    const missing = holdfast(data, 'state', 'restore', join(folder, 'missing.db'))
    assert.deepEqual([missing.status, missing.err.includes('missing.db cannot be read')], [74, true])
    assert.match(holdfast(data, 'state', 'list').out, /^web/m)
  })

  it('takes a state whose file was emptied for damaged, not for a new one', () => {
    const data = imported()
    writeFileSync(statePath(data, 'default'), '')
    const { status, err } = holdfast(data, 'state', 'list')
    assert.deepEqual([status, err.includes('the file is empty, and yet there are backups')], [74, true])
    assert.match(holdfast(data, 'state', 'list', '--auto-restore').out, /^web/m)
  })

  it('exports what it can import', () => {
    const [data, copy] = [fresh(), fresh()]
    const [file, packed] = [join(folder, 'a.json'), join(folder, 'a.json.zst')]
    writeFileSync(file, STATE_FILE)
    holdfast(data, 'state', 'import', file)
    assert.equal(holdfast(data, 'state', 'export', packed, '--compress').status, 0)
    assert.equal(holdfast(copy, 'state', 'import', packed).status, 0)
    const builds = (folderName: string) => JSON.parse(holdfast(folderName, 'state', 'export').out).builds as unknown
    assert.deepEqual(builds(copy), builds(data))
    const again = holdfast(data, 'state', 'export', packed)
    assert.deepEqual([again.status, again.err.includes('a.json.zst cannot be written')], [74, true])
  })

  it('replaces builds by another lineage or a lower serial only when forced', () => {
    const [data, other] = [imported(), imported()]
    const [old, foreign] = [join(folder, 'old.json'), join(folder, 'foreign.json')]
    assert.equal(holdfast(data, 'state', 'export', old).status, 0)
    assert.equal(holdfast(other, 'state', 'export', foreign).status, 0)
    const lineage = (path: string) => (JSON.parse(readFileSync(path, 'utf8')) as { lineage: string }).lineage
    assert.equal(holdfast(data, 'state', 'import', old).status, 0)
    const before = holdfast(data, 'state', 'history', '--json').out
    const message = `the document has the lineage ${lineage(foreign)}, the state has the lineage ${lineage(old)}`
    for (const more of [[], ['--merge']]) {
      const refused = holdfast(data, 'state', 'import', foreign, ...more)
      assert.deepEqual([refused.status, refused.err.includes(message)], [65, true], refused.err)
      const stale = holdfast(data, 'state', 'import', old, ...more)
      assert.equal(stale.status, 65)
      assert.match(stale.err, /the document has the serial 1, the state has the higher serial 2\n.*--force/)
    }
    assert.equal(holdfast(data, 'state', 'history', '--json').out, before)
    assert.equal(holdfast(data, 'state', 'import', foreign, '--force').status, 0)
    assert.equal(holdfast(data, 'state', 'import', old, '--force').status, 0)
    // Nothing is replaced here.
    assert.equal(holdfast(data, 'state', 'remove', 'web', 'db').status, 0)
    assert.equal(holdfast(data, 'state', 'import', foreign, '--merge').status, 0)
  })

  it('forgets builds, all that are named or none', () => {
    const data = imported()
    const refused = holdfast(data, 'state', 'remove', 'web', 'absent')
    assert.deepEqual([refused.status, refused.err.includes('no build absent')], [66, true])
    assert.match(holdfast(data, 'state', 'list').out, /^web/m)
    assert.match(holdfast(data, 'state', 'remove', 'web', 'db').out, /forgotten web, db; its serial is now 2/)
    assert.equal(holdfast(data, 'state', 'list').out, 'There are no builds.\n')
    assert.equal(holdfast(data, 'state', 'rollback', '1').status, 0)
  })

  it('does not make a state, or a folder, that is only looked at', () => {
    const data = fresh()
    for (const words of [['list'], ['show'], ['history'], ['diff', '1'], ['rollback', '1'], ['verify'], ['export']]) {
      const { status, err } = holdfast(data, 'state', ...words)
      assert.deepEqual([status, err.includes('there is no state default')], [66, true], words.join(' '))
    }
    for (const words of [
      ['state', 'restore'],
      ['lock', 'list'],
      ['lock', 'show', 'x'],
    ]) {
      const { status, err } = holdfast(data, ...words)
      assert.deepEqual([status, err.includes(`there is no data folder ${data}`)], [66, true], words.join(' '))
    }
    assert.equal(existsSync(data), false)
    writeFileSync(join(folder, 'b.json'), STATE_FILE)
    assert.equal(holdfast(data, 'state', 'import', join(folder, 'b.json')).status, 0)
    assert.match(holdfast(data, 'state', 'list', '--state', 'defualt').err, /no state defualt .*\nThere are: default\./)
  })

  it('says what is wrong with an argument, and what is allowed', () => {
    const data = imported()
    for (const words of [
      ['diff', 'x'],
      ['diff', '1', 'x'],
      ['rollback', 'x'],
    ]) {
      const { status, err } = holdfast(data, 'state', ...words)
      assert.deepEqual([status, err.includes('"x" is not a whole number')], [64, true], words.join(' '))
    }
    assert.match(holdfast(data, 'state', 'list', '--status', 'done').err, /pending, creating, provisioning, complete/)
    assert.equal(holdfast(data, 'state', 'diff', '9', '1').status, 66)
  })

  it('does not take arguments that mean nothing together, and says what an empty answer means', () => {
    const data = imported()
    const shown = holdfast(data, 'state', 'show', '--serial', '1')
    assert.deepEqual([shown.status, shown.err.includes('--serial 1 is for one build')], [65, true])
    assert.match(holdfast(data, 'state', 'history', '--limit', '0').err, /"0" is not 1 or more/)
    assert.equal(holdfast(data, 'state', 'history', 'absent').out, 'No save that is kept changed absent.\n')
    assert.match(holdfast(data, 'state', 'remove', 'web', 'web').out, /its serial is now 2/)
    const elsewhere = holdfast(fresh(), 'state', 'backup', '--list')
    assert.deepEqual([elsewhere.status, elsewhere.err.includes('there is no data folder')], [66, true])
  })

  it('prints names on one line, whatever they hold', () => {
    const data = fresh()
    const name = 'a\tb\n\u001b[31mred'
    writeFileSync(join(folder, 'g.json'), JSON.stringify({ builds: { [name]: {} } }))
    holdfast(data, 'state', 'import', join(folder, 'g.json'))
    const safe = String.raw`a\tb\n\u001b[31mred`
    assert.equal(holdfast(data, 'state', 'list').out.split('\n')[1]?.startsWith(`${safe}  pending`), true)
    assert.equal(holdfast(data, 'state', 'diff', '0').out, `+ ${safe}\n`)
    assert.deepEqual(JSON.parse(holdfast(data, 'state', 'list', '--json').out)[0].name, name)
  })

  it('takes - for standard output and input', () => {
    const data = imported()
    assert.match(holdfast(data, 'state', 'export', '-').out, /^\{"format":"holdfast-state"/)
    assert.match(holdfast(data, 'state', 'import', '-').err, /standard input is empty/)
    const path = join(folder, 'h-out.json')
    assert.deepEqual(JSON.parse(holdfast(data, 'state', 'export', path, '--json').out), { path })
  })

  it('says when its output cannot be written', { skip: !existsSync('/dev/full') }, () => {
    const data = imported()
    const env = { ...process.env, HOLDFAST_DATA: data }
    const full = openSync('/dev/full', 'w')
    for (const words of ['list', 'list --json', 'show', 'export']) {
      const stdio: StdioOptions = ['ignore', full, 'pipe']
      const args = [MAIN, 'state', ...words.split(' ')]
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env, stdio })
      assert.deepEqual([status, stderr.split(': ')[1]], [74, 'the output cannot be written'], words)
    }
    closeSync(full)
  })

  it('ends quietly when the reader goes away', () => {
    const data = fresh()
    const builds = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`build-${index}`, {}]))
    writeFileSync(join(folder, 'd.json'), JSON.stringify({ version: 1, builds }))
    holdfast(data, 'state', 'import', join(folder, 'd.json'))
    for (const words of ['list', 'list --json', 'export']) {
      const script = `"$0" "$1" state ${words} | head -c 10; exit "\${PIPESTATUS[0]}"`
      const env = { ...process.env, HOLDFAST_DATA: data }
      const { status, stderr } = spawnSync('bash', ['-c', script, process.execPath, MAIN], { encoding: 'utf8', env })
      assert.deepEqual([status, stderr], [141, ''], words)
    }
  })
})

describe('holdfast lock', () => {
  it('runs a command under a lock and passes its exit code on', () => {
    const data = fresh()
    const script = 'test "$HOLDFAST_LOCK_TOKEN" = 1 && exit 7'
    assert.equal(holdfast(data, 'lock', 'acquire', 'x', '--', 'sh', '-c', script).status, 7)
    assert.equal(holdfast(data, 'lock', 'list').out, 'No lock is held.\n')
    for (const missing of ['/no/such/command', '']) {
      const { status, err } = holdfast(data, 'lock', 'acquire', 'x', '--', missing)
      assert.deepEqual([status, err.startsWith(`holdfast: the command "${missing}" cannot be started: `)], [69, true])
    }
    assert.equal(holdfast(data, 'lock', 'list').out, 'No lock is held.\n')
  })

  it('leaves no lock behind when the command or its two dashes are missing', () => {
    const data = fresh()
    for (const words of [['--'], ['sh', '-c', 'exit 3']]) {
      const { status, err } = holdfast(data, 'lock', 'acquire', 'x', ...words)
      assert.deepEqual([status, err.includes('holdfast lock acquire NAME -- COMMAND')], [64, true], words.join(' '))
    }
    assert.equal(holdfast(data, 'lock', 'acquire', 'y', '--', 'true').status, 0)
    assert.equal(holdfast(data, 'lock', 'list').out, 'No lock is held.\n')
  })

  it('passes signals on, from the first moment, and waits for the command', () => {
    // It ends by itself when nothing ends it, so that a failure leaves nothing behind.
    const script = `trap 'exit 9' QUIT; kill -QUIT $PPID; for n in $(seq 600); do sleep 0.05; done`
    const { status, err } = holdfast(fresh(), 'lock', 'acquire', 'x', '--', 'sh', '-c', script)
    assert.equal(status, 9, err)
  })

  it('runs holdfast itself as the command', () => {
    const { status, out, err } = holdfast(fresh(), 'lock', 'acquire', 'x', '--', process.execPath, MAIN, 'lock', 'list')
    assert.equal(status, 0, err)
    assert.match(out, /^x /m)
  })

  it('lets the command and its own commands take the same lock', () => {
    const data = fresh()
    const file = join(folder, 'under.json')
    writeFileSync(file, STATE_FILE)
    const self = `"${process.execPath}" "${MAIN}"`
    const script = [
      `${self} state import "${file}"`,
      `${self} lock acquire other -- ${self} lock acquire state/default -- ${self} state rollback 0`,
      `! ${self} lock acquire state/default`,
    ].join(' && ')
    const { status, err } = holdfast(data, 'lock', 'acquire', 'state/default', '--', 'sh', '-c', script)
    assert.equal(status, 0, err)
    assert.match(err, /lock state\/default is held by the command that this one runs under/)
    const history = JSON.parse(holdfast(data, 'state', 'history', '--json').out) as { operation: string }[]
    assert.deepEqual(
      history.map(({ operation }) => operation),
      ['rollback to 0', 'import'],
    )
    assert.equal(holdfast(data, 'lock', 'list').out, 'No lock is held.\n')
  })

  it('takes, shows, releases and breaks locks by their ids', () => {
    const data = fresh()
    const id = holdfast(data, 'lock', 'acquire', 'deploy', '--ttl', '10m', '--info', 'by hand').out.trim()
    const shown = JSON.parse(holdfast(data, 'lock', 'show', 'deploy').out) as {
      id: string
      info: string
      status: string
    }
    assert.deepEqual([shown.id, shown.info, shown.status], [id, 'by hand', 'held'])
    const forEver = holdfast(data, 'lock', 'acquire', 'other', '--ttl', '99999999d')
    assert.deepEqual([forEver.status, forEver.err.includes('a hundred years')], [65, true])
    assert.match(holdfast(data, 'lock', 'list').out, /^deploy /m)
    const refused = holdfast(data, 'lock', 'acquire', 'deploy', '--wait', '0', '--', 'true')
    assert.equal(refused.status, 75)
    assert.match(refused.err, new RegExp(`force-unlock deploy ${id}`))
    assert.equal(holdfast(data, 'lock', 'release', 'deploy', 'guess').status, 65)
    assert.equal(holdfast(data, 'lock', 'release', 'deploy', id).out, 'The lock deploy is released.\n')
    const again = holdfast(data, 'lock', 'acquire', 'deploy', '--ttl', '10m').out.trim()
    assert.equal(holdfast(data, 'lock', 'force-unlock', 'deploy', again).status, 0)
    assert.equal(holdfast(data, 'lock', 'force-unlock', 'deploy', again).status, 66)
  })
})

describe('holdfast stress', () => {
  it('runs the scenarios that are asked for, and says what it measured', () => {
    const { status, out } = holdfast(fresh(), 'stress', 'lock', '--only', 'corruption', '--json')
    const report = JSON.parse(out) as { passed: number; failed: number; results: { name: string }[] }
    assert.deepEqual([status, report.passed, report.failed, report.results[0]?.name], [0, 1, 0, 'LockFileCorruption'])
    assert.equal(holdfast(fresh(), 'stress', '--only', 'nothing-like-this').status, 66)
    assert.match(holdfast(fresh(), 'stress', '--scale', '2').err, /"2" is not a number from 0.01 to 1/)
  })

  it('leaves nothing behind when it is interrupted, and makes no folder for its folders', async () => {
    const parent = fresh()
    const refused = holdfast(parent, 'stress', '--only', 'corruption', '--folder', parent)
    assert.deepEqual([refused.status, refused.err.includes(`no folder can be made in ${parent}`)], [74, true])
    mkdirSync(parent)
    const args = ['stress', 'state', '--only', 'one process', '--seconds', '60', '--folder', parent]
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' })
    while (readdirSync(parent).length === 0) await sleep(20)
    child.kill('SIGINT')
    assert.deepEqual(await once(child, 'exit'), [130, null])
    assert.deepEqual(readdirSync(parent), [])
  })
})
