/** A database that vanishes under a running server. */
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytes } from '../support/bytes.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

const args = ['--sweep-interval', '1s']

const ACCIDENTS: Record<string, (database: string) => void> = {
  removed: (database) => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix, { force: true })
  },
  'replaced by a copy': (database) => {
    copyFileSync(database, `${database}.copy`)
    renameSync(`${database}.copy`, database)
  },
}

function storedBytes(server: TestServer): string[] {
  const names = readdirSync(server.dataFolder, { recursive: true }).map(String)
  return names.filter((name) => /[0-9a-f]{32}(\.orphan)?$/.test(name))
}

describe('a database that is', () => {
  for (const [what, accident] of Object.entries(ACCIDENTS)) {
    it(`${what} takes no more, and is told of`, async () => {
      await using server = await startServer({ args })
      const { id } = await server.put('kept.txt', bytes(1000))
      accident(join(server.dataFolder, 'holdfast.db'))
      for (const upload of [
        () => server.owner('/api/files/lost.txt', { method: 'PUT', body: 'text' }),
        () => server.owner(`/api/entry/${id}?purge=true`, { method: 'DELETE' }),
      ]) {
        assert.equal((await upload()).status, 503)
      }
      const ready = await eventually(async () => {
        const answer = await server.guest('/api/ready')
        return answer.status === 503 ? answer : null
      })
      assert.match(ready.text, /database was removed or replaced/)
      assert.ok(!ready.text.includes(server.dataFolder))
      assert.equal((await server.guest(`/-${id}`)).status, 200)
      await eventually(() => server.log.includes('removed or replaced'))
      assert.equal((await server.stop()).code, 0)
    })
  }

  it('removed is missed at the next start, which deletes nothing', async () => {
    const server = await startServer({ args })
    await server.put('kept.txt', bytes(1000))
    await server.kill()
    ACCIDENTS['removed']?.(join(server.dataFolder, 'holdfast.db'))
    await using next = await startServer({ args, dataFolder: server.dataFolder })
    await eventually(() => next.log.includes('holdfast.db is missing'))
    await sleep(1500)
    assert.equal(storedBytes(next).length, 1)
  })

  it('cut short is no fault of Holdfast', async () => {
    await using server = await startServer({ args })
    await server.put('kept.txt', bytes(1000))
    for (const suffix of ['', '-wal']) truncateSync(join(server.dataFolder, `holdfast.db${suffix}`), 0)
    const answer = await server.owner('/api/files/lost.txt', { method: 'PUT', body: 'text' })
    assert.notEqual(answer.status, 201)
    assert.notEqual(answer.status, 500)
  })
})
