/** `holdfast verify`: what it finds, how it says so, and that it changes nothing. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bytes } from '../support/bytes.ts'
import { run, startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

let server: TestServer
const files: Record<string, FileView> = {}
before(async () => {
  server = await startServer()
  for (const name of ['ok', 'missing', 'flipped', 'truncated'])
    files[name] = await server.put(`${name}.bin`, bytes(100_000, name))
})
after(async () => server[Symbol.asyncDispose]())

function blobPath(name: string): string {
  using database = server.database()
  const key = String(database.prepare('select blob_key from files where filename = ?').get(`${name}.bin`)?.blob_key)
  return join(server.dataFolder, 'files', key.slice(0, 2), key)
}

const verify = (...args: string[]) => run(['verify', '--data', server.dataFolder, ...args])

describe('holdfast verify', () => {
  it('finds nothing wrong beside a running server, then everything that was broken', async () => {
    const sound = await verify()
    assert.equal(sound.code, 0, sound.stderr)
    assert.equal(sound.stdout, '4 files are whole, 0 missing, 0 damaged; 0 orphaned blobs\n')

    rmSync(blobPath('missing'))
    const flipped = bytes(100_000, 'flipped')
    flipped[50_000] = (flipped[50_000] ?? 0) ^ 1
    writeFileSync(blobPath('flipped'), flipped)
    truncateSync(blobPath('truncated'), 99_999)
    const orphan = 'ab'.repeat(16)
    mkdirSync(join(server.dataFolder, 'files', 'ab'), { recursive: true })
    writeFileSync(join(server.dataFolder, 'files', 'ab', orphan), 'orphan')

    const broken = await verify()
    assert.equal(broken.code, 1)
    assert.match(broken.stdout, new RegExp(`^missing {3}${files.missing?.id} "missing\\.bin": `, 'm'))
    assert.match(
      broken.stdout,
      new RegExp(
        `^damaged {3}${files.flipped?.id} "flipped\\.bin": its SHA-256 is \\w{64} instead of ${files.flipped?.sha256}`,
        'm',
      ),
    )
    assert.match(
      broken.stdout,
      new RegExp(`^damaged {3}${files.truncated?.id} "truncated\\.bin": it has 99999 bytes instead of 100000`, 'm'),
    )
    assert.match(broken.stdout, new RegExp(`^orphaned {2}${orphan}: 6 B`, 'm'))
    assert.match(broken.stdout, /^1 files are whole, 1 missing, 2 damaged; 1 orphaned blobs\n$/m)

    const json = await verify('--json')
    assert.equal(json.code, 1)
    const findings = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const states = Object.fromEntries(findings.map(({ state, id, blobKey }) => [String(id ?? blobKey), state]))
    assert.deepEqual(states, {
      [files.ok?.id ?? '']: 'ok',
      [files.missing?.id ?? '']: 'missing',
      [files.flipped?.id ?? '']: 'damaged',
      [files.truncated?.id ?? '']: 'damaged',
      [orphan]: 'orphaned',
    })

    assert.ok(readdirSync(join(server.dataFolder, 'files', 'ab')).includes(orphan), 'changes nothing')
    for (const name of ['missing', 'flipped', 'truncated'])
      await server.owner(`/api/entry/${files[name]?.id}?purge=true`, { method: 'DELETE' })
    assert.equal((await verify()).code, 0, 'an orphan alone is not damage')
  })

  it('works on the folder of a server that was killed', async () => {
    const killed = await startServer()
    await killed.put('a', 'text')
    await killed.kill()
    const { code, stdout } = await run(['verify', '--data', killed.dataFolder])
    assert.deepEqual([code, stdout.slice(0, 17)], [0, '1 files are whole'])
  })

  it('refuses what is not a data folder, and makes none', async () => {
    const folder = temporaryFolder()
    const { code, stderr } = await run(['verify', '--data', folder])
    assert.equal(code, 74)
    assert.match(stderr, /not a data folder/)
    assert.deepEqual(readdirSync(folder), [])
  })
})
