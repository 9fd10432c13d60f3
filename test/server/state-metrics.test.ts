/** States and locks that other processes keep in the data folder show in the server's metrics. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { LockManager } from '../../src/lock/index.ts'
import { run, startServer } from '../support/server.ts'

it('measures states and locks as soon as there are some', async () => {
  await using server = await startServer()
  const read = async (name: string) => {
    const { text } = await server.guest('/metrics')
    return new RegExp(`^${name}(?:\\{state="default"\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? null
  }
  assert.equal(await read('holdfast_state_builds'), null)

  const document = join(server.dataFolder, 'import.json')
  const build = { name: 'web', source: 'null.web', status: 'complete' }
  writeFileSync(
    document,
    JSON.stringify({ version: 1, serial: 7, builds: { web: build, db: { ...build, name: 'db' } } }),
  )
  const imported = await run(['state', 'import', document, '--data', server.dataFolder])
  assert.equal(imported.code, 0, imported.stderr)
  assert.equal(await read('holdfast_state_builds'), '2')
  assert.ok(Number(await read('holdfast_state_size_bytes')) > 0)

  await using locks = await LockManager.open(server.dataFolder)
  await using held = await locks.acquire('somewhere', { operation: 'test' })
  assert.equal(held.info.operation, 'test')
  assert.equal(await read('holdfast_locks_current'), '1')
})

it('measures all else while the file of the locks is damaged or gone, and follows a new one', async () => {
  await using server = await startServer()
  const path = join(server.dataFolder, 'locks.db')
  const read = async () => {
    const { status, text } = await server.guest('/metrics')
    assert.equal(status, 200)
    assert.match(text, /^holdfast_uploads_active /m)
    return /^holdfast_locks_current (\S+)$/m.exec(text)?.[1] ?? null
  }
  writeFileSync(path, 'no database, but long enough to be looked at as one'.repeat(200))
  assert.equal(await read(), null)
  assert.match(server.log, /the locks could not be measured/)
  rmSync(path)
  await using locks = await LockManager.open(server.dataFolder)
  await locks.acquire('somewhere', { operation: 'test' })
  assert.equal(await read(), '1')
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  assert.equal(await read(), null)
  await using others = await LockManager.open(server.dataFolder)
  assert.deepEqual(await others.list(), [])
  assert.equal(await read(), '0')
})
