/** The commands that only read, on a data folder that is mounted read-only. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { LockManager } from '../../src/lock/index.ts'
import { createBuild, StateManager } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { MAIN } from '../helpers/holdfast-main.ts'

const folder = tempFolder('read-only')
const READING = [
  'state list',
  'state show web',
  'state history',
  'state diff 0',
  'state export',
  'state verify',
  'builds list',
  'builds show web',
  'lock list',
  'lock show kept',
]
const mounts: string[] = []

/** A read-only view of a folder, or null where that is not allowed. */
function readOnly(path: string, name: string): string | null {
  const view = join(folder, name)
  mkdirSync(view)
  if (spawnSync('mount', ['--bind', path, view]).status !== 0) return null
  mounts.push(view)
  return spawnSync('mount', ['-o', 'remount,bind,ro', view]).status === 0 ? view : null
}

function holdfast(data: string, ...args: string[]) {
  const temp = join(folder, 'tmp')
  mkdirSync(temp, { recursive: true })
  const env = { ...process.env, HOLDFAST_DATA: data, TMPDIR: temp }
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env })
  assert.deepEqual(readdirSync(temp), [])
  return { status, out: stdout, err: stderr }
}

async function fill(data: string): Promise<void> {
  await using manager = await StateManager.open(data, { backups: false })
  await manager.update((draft) => draft.put(createBuild({ name: 'web', source: 'null.a' })))
  await using locks = await LockManager.open(data)
  await locks.acquire('kept', { operation: 'test', isDetached: true, ttlMs: 600_000 })
}

describe('a data folder on a read-only mount', () => {
  after(() => {
    for (const path of mounts) spawnSync('umount', [path])
  })

  it('can be looked at, and says so when something is to be written', async (test) => {
    const data = join(folder, 'closed')
    await fill(data)
    assert.ok(!existsSync(join(data, 'states', 'default.db-wal')))
    const view = readOnly(data, 'closed-view')
    if (view === null) return test.skip('a read-only bind mount is not allowed here')
    for (const words of READING) {
      const { status, out, err } = holdfast(view, ...words.split(' '))
      assert.deepEqual([words, status, err], [words, 0, ''])
      assert.match(out, words.endsWith('verify') ? /All is well/ : words.startsWith('lock') ? /kept/ : /web|update/)
    }
    writeFileSync(join(folder, 'in.json'), '{"version":1,"builds":{"db":{}}}')
    const refused = holdfast(view, 'state', 'import', join(folder, 'in.json'))
    assert.equal(refused.status, 74)
    assert.match(refused.err, /cannot be used: .*readonly/)
  })

  it('shows the newest commits of a log that was not written back', async (test) => {
    const data = join(folder, 'open')
    await using manager = await StateManager.open(data, { backups: false })
    await manager.update((draft) => draft.put(createBuild({ name: 'web', source: 'null.a' })))
    // As a crash leaves it: with the log, without the memory that connections share.
    const crashed = join(folder, 'crashed')
    cpSync(data, crashed, { recursive: true, filter: (path) => !path.endsWith('-shm') })
    assert.ok(existsSync(join(crashed, 'states', 'default.db-wal')))
    const view = readOnly(crashed, 'crashed-view')
    if (view === null) return test.skip('a read-only bind mount is not allowed here')
    for (const words of ['state list', 'state export', 'builds list']) {
      const { status, out, err } = holdfast(view, ...words.split(' '))
      assert.deepEqual([words, status, err], [words, 0, ''])
      assert.match(out, /web/)
    }
    assert.equal(holdfast(view, 'state', 'verify').out, 'All is well.\n')
  })
})
