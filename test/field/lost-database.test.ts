/** A database that vanishes under a running server. */
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { backup } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytes } from '../support/bytes.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'
import { beginUpload, fileId, offsetOf, patch, tus } from '../support/tus.ts'

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

  it('is missed at the next start when it was removed; nothing is deleted', async () => {
    const server = await startServer({ args })
    await server.put('kept.txt', bytes(1000))
    await server.kill()
    ACCIDENTS['removed']?.(join(server.dataFolder, 'holdfast.db'))
    await using next = await startServer({ args, dataFolder: server.dataFolder })
    await eventually(() => next.log.includes('holdfast.db is missing'))
    await sleep(1500)
    assert.equal(storedBytes(next).length, 1)
  })

  it('resumes the uploads that it knows when it is a copy, and lets the others begin again', async () => {
    const content = bytes(300_000)
    const first = await startServer({ args })
    const known = await beginUpload(first, content.length)
    assert.equal((await patch(first, known, 0, content.subarray(0, 100_000))).status, 204)
    const database = join(first.dataFolder, 'holdfast.db')
    using source = first.database()
    await backup(source, `${database}.copy`)
    assert.equal((await patch(first, known, 100_000, content.subarray(100_000))).status, 204)
    const unknown = await beginUpload(first, content.length)
    assert.equal((await patch(first, unknown, 0, content.subarray(0, 100_000))).status, 204)
    source.close()
    await first.kill()
    ACCIDENTS['removed']?.(database)
    renameSync(`${database}.copy`, database)

    await using server = await startServer({ args, dataFolder: first.dataFolder })
    assert.equal(await offsetOf(server, known), 100_000)
    assert.equal((await tus(server, 'HEAD', unknown)).status, 404)
    await eventually(() => readdirSync(join(server.dataFolder, 'uploads')).length === 0)
    const whole = await patch(server, known, 100_000, content.subarray(100_000))
    assert.equal(whole.status, 204, whole.text)
    assert.ok((await server.guest(`/-${fileId(whole)}`)).bytes.equals(content))
  })

  it('is not reported as a fault of Holdfast when it was cut short', async () => {
    await using server = await startServer({ args })
    await server.put('kept.txt', bytes(1000))
    for (const suffix of ['', '-wal']) truncateSync(join(server.dataFolder, `holdfast.db${suffix}`), 0)
    const answer = await server.owner('/api/files/lost.txt', { method: 'PUT', body: 'text' })
    assert.notEqual(answer.status, 201)
    assert.notEqual(answer.status, 500)
  })
})
