/** Resumable uploads over crashes, restarts, lost connections and time. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytes, sha256Of, stream } from '../support/bytes.ts'
import {
  eventually,
  postJson,
  startServer,
  temporaryFolder,
  type FileView,
  type TestServer,
} from '../support/server.ts'
import { generator } from '../support/random.ts'
import { rounds } from '../support/soak.ts'
import { arrived, beginUpload, fileId, metadata, offsetOf, patch, startPatch, tus } from '../support/tus.ts'

const MIB = 2 ** 20
const random = generator()
const HOUR_MS = 3_600_000
const quiet = ['--log-level', 'error']
/** Suites run side by side: each has servers of its own, and mostly waits. */
const sideBySide = { concurrency: 3, timeout: 120_000 }

const partials = (server: TestServer) => readdirSync(join(server.dataFolder, 'uploads'))
const hashOf = async (server: TestServer, id: string) =>
  (await server.owner(`/api/files/${id}`)).json<FileView>().sha256

function partPath(server: TestServer): string {
  const [name = ''] = partials(server)
  return join(server.dataFolder, 'uploads', name)
}

/** The content from a place on, no faster than this. */
async function* slowly(content: Buffer, from: number, bytesPerMs: number) {
  for (let at = from; at < content.length; at += 65_536) {
    yield content.subarray(at, at + 65_536)
    await sleep(65_536 / bytesPerMs)
  }
}

describe('kill -9', sideBySide, () => {
  it('in the middle of a part, again and again: nothing acknowledged is lost, and the hash is right', async (t) => {
    const dataFolder = temporaryFolder()
    const content = bytes(24 * MIB, 'killed')
    let path = ''
    let acknowledged = 0
    const offsets: number[] = []
    for (let round = 0; round < rounds({ quick: 2, soak: 8 }); round++) {
      const server = await startServer({ dataFolder, built: true, args: quiet })
      path ||= await beginUpload(server, content.length)
      const offset = await offsetOf(server, path)
      offsets.push(offset)
      assert.ok(offset >= acknowledged, `${offset} of at least ${acknowledged}`)
      const first = await patch(server, path, offset, content.subarray(offset, offset + 100_000))
      acknowledged = Number(first.headers.get('upload-offset'))
      assert.equal(acknowledged, offset + 100_000)
      const from = acknowledged
      const rest = patch(server, path, from, stream(slowly(content, from, 2000))).catch(() => null)
      // Progress is noted within a part.
      await eventually(async () => (await offsetOf(server, path)) > from)
      await sleep(random(700))
      acknowledged = await offsetOf(server, path)
      await server.kill()
      await rest
    }
    t.diagnostic(`went on at ${offsets.join(', ')}`)
    await using server = await startServer({ dataFolder, built: true, args: quiet })
    const offset = await offsetOf(server, path)
    assert.ok(offset >= acknowledged)
    const id = fileId(await patch(server, path, offset, content.subarray(offset)))
    assert.equal(await hashOf(server, id), await sha256Of(content))
    assert.equal(await sha256Of((await server.guest(`/-${id}`)).bytes), await sha256Of(content))
    assert.deepEqual(partials(server), [])
  })

  it('at any moment of many small uploads: each is there once, or can be gone on with', async (t) => {
    const dataFolder = temporaryFolder()
    const content = bytes(150_000, 'small')
    const hash = await sha256Of(content)
    const open = new Set<string>()
    const ids = new Set<string>()
    const work = async (server: TestServer, path: string) => {
      const offset = await offsetOf(server, path)
      const answer = await patch(server, path, offset, content.subarray(offset))
      ids.add(fileId(answer))
      open.delete(path)
    }
    let unknown = 0
    const kills = rounds({ quick: 4, soak: 20 })
    for (let round = 0; round < kills; round++) {
      const server = await startServer({ dataFolder, built: true, args: ['--log-level', 'silent'] })
      const lane = async () => {
        for (;;) {
          try {
            const path = await beginUpload(server, content.length)
            open.add(path)
            await work(server, path)
          } catch (error) {
            if (error instanceof assert.AssertionError) throw error
            return
          }
        }
      }
      const lanes = [lane(), lane(), lane()]
      await sleep(30 + random(250))
      // However slow the disk is, one is done before the end.
      if (round === kills - 1) await eventually(() => ids.size > 0)
      await server.kill()
      await Promise.all(lanes)
    }
    await using server = await startServer({ dataFolder, built: true, args: quiet })
    t.diagnostic(`${ids.size} done, ${open.size} interrupted`)
    assert.ok(ids.size > 0)
    for (const path of open) {
      const answer = await tus(server, 'HEAD', path)
      assert.equal(answer.status, 200)
      const known = answer.headers.get('holdfast-file-id')
      if (known === null) await work(server, path)
      else {
        ids.add(known)
        unknown += 1
      }
    }
    t.diagnostic(`${unknown} were done although their answer was lost`)
    const { files } = await server.list('?limit=10000')
    assert.deepEqual(files.map(({ id }) => id).toSorted(), [...ids].toSorted())
    for (const file of files) {
      assert.equal(file.sha256, hash)
      assert.equal(await sha256Of((await server.guest(`/-${file.id}`)).bytes), hash)
    }
  })

  it('between the end of the bytes and the row of the file: the last part is sent again', async () => {
    const dataFolder = temporaryFolder()
    const content = bytes(MIB, 'between')
    let path = ''
    {
      const server = await startServer({ dataFolder, built: true, args: quiet })
      path = await beginUpload(server, content.length)
      await patch(server, path, 0, content.subarray(0, 700_000))
      const part = partPath(server)
      await server.kill()
      // As the crash would have left it: published, longer than was noted, no file.
      const key = part.split('/').at(-1)?.replace('.part', '') ?? ''
      const folder = join(dataFolder, 'files', key.slice(0, 2))
      mkdirSync(folder, { recursive: true })
      appendFileSync(part, content.subarray(700_000))
      renameSync(part, join(folder, key))
    }
    await using server = await startServer({ dataFolder, built: true, args: [...quiet, '--sweep-interval', '1s'] })
    await sleep(1500)
    const offset = await offsetOf(server, path)
    assert.equal(offset, 700_000)
    const id = fileId(await patch(server, path, offset, content.subarray(offset)))
    assert.equal(await hashOf(server, id), await sha256Of(content))
  })
})

describe('kill -9 while parts become one file', sideBySide, () => {
  const SIZES = [3 * MIB, 5 * MIB + 1, 0, 7 * MIB, 2 * MIB]

  async function sendParts(server: TestServer, content: Buffer<ArrayBuffer>): Promise<string[]> {
    const paths: string[] = []
    let offset = 0
    for (const size of SIZES) {
      const headers = { 'upload-concat': 'partial', 'upload-length': `${size}` }
      const created = await tus(server, 'POST', '/api/tus/', { headers })
      paths.push(created.headers.get('location') ?? '')
      const answer = await patch(server, paths.at(-1) ?? '', 0, content.subarray(offset, offset + size))
      assert.equal(answer.status, 204, answer.text)
      offset += size
    }
    return paths
  }

  const concatenate = (server: TestServer, paths: string[]) =>
    tus(server, 'POST', '/api/tus/', {
      headers: { 'upload-concat': `final;${paths.join(' ')}`, 'upload-metadata': metadata({ filename: 'whole' }) },
    })

  it('leaves the parts or the file, and asking again gives the file, once', async (t) => {
    const dataFolder = temporaryFolder()
    const content = bytes(
      SIZES.reduce((sum, size) => sum + size, 0),
      'joined',
    )
    const hash = await sha256Of(content)
    const left: number[] = []
    for (let round = 0; round < rounds({ quick: 2, soak: 12 }); round++) {
      const first = await startServer({ dataFolder, built: true, args: quiet })
      const paths = await sendParts(first, content)
      const joining = concatenate(first, paths).catch(() => null)
      await sleep(random(80))
      await first.kill()
      await joining
      left.push(partials(first).length)
      const server = await startServer({ dataFolder, built: true, args: [...quiet, '--sweep-interval', '1s'] })
      const answer = await concatenate(server, paths)
      assert.equal(answer.status, 201, answer.text)
      assert.equal(await hashOf(server, fileId(answer)), hash)
      assert.equal(await sha256Of((await server.guest(`/-${fileId(answer)}`)).bytes), hash)
      assert.equal(fileId(await concatenate(server, paths)), fileId(answer))
      assert.equal((await server.list()).total, round + 1)
      await eventually(() => partials(server).length === 0)
      await server.kill()
    }
    t.diagnostic(`partial files after each kill: ${left.join(', ')}`)
  })

  it('does not let the idle timeout cut the answer, however long the first part is read again', async () => {
    const dataFolder = temporaryFolder()
    const first = await startServer({ dataFolder, built: true, args: quiet })
    const begun = async (length: number) => {
      const headers = { 'upload-concat': 'partial', 'upload-length': `${length}` }
      return (await tus(first, 'POST', '/api/tus/', { headers })).headers.get('location') ?? ''
    }
    // Sparse gigabytes: longer than a second to hash, no space on the disk.
    const length = 2_500_000_000
    const long = await begun(length)
    truncateSync(partPath(first), length)
    const short = await begun(4)
    assert.equal((await patch(first, short, 0, 'text')).status, 204)
    await first.kill()
    using database = first.database()
    database.prepare('update resumable_uploads set offset_bytes = length_bytes').run()
    await using server = await startServer({ dataFolder, built: true, args: [...quiet, '--idle-timeout', '1s'] })
    const startedAt = performance.now()
    const answer = await concatenate(server, [long, short])
    assert.equal(answer.status, 201, answer.text)
    assert.ok(performance.now() - startedAt > 1000, 'it took longer than the idle timeout')
    const { sizeBytes } = (await server.owner(`/api/files/${fileId(answer)}`)).json<FileView>()
    assert.equal(sizeBytes, length + 4)
    assert.ok(server.memory('VmHWM') < 300_000_000)
  })

  it('resumes after the joined parts when it comes between two steps', async () => {
    const dataFolder = temporaryFolder()
    const content = bytes(
      SIZES.reduce((sum, size) => sum + size, 0),
      'steps',
    )
    const first = await startServer({ dataFolder, built: true, args: quiet })
    const paths = await sendParts(first, content)
    const ids = paths.map((path) => path.split('/').at(-1) ?? '')
    await first.kill()
    {
      // As it is left when the second part was joined and noted, and the third was being copied.
      using database = first.database()
      const keyOf = (id = '') =>
        String(database.prepare('select blob_key from resumable_uploads where id = ?').get(id)?.blob_key)
      const [one, two] = [keyOf(ids[0]), keyOf(ids[1])]
      const at = (key: string) => join(dataFolder, 'uploads', `${key}.part`)
      appendFileSync(at(one), readFileSync(at(two)))
      appendFileSync(at(one), bytes(1000, 'not noted'))
      rmSync(at(two))
      const final = 'f'.repeat(24)
      const columns = 'watch_id, length_bytes, max_bytes, offset_bytes, concat, metadata, new_file, expires_at'
      database
        .prepare(
          `insert into resumable_uploads (id, blob_key, ${columns})
           select ?, blob_key, ?, ?, max_bytes, ?, ?, metadata, json_set(new_file, '$.filename', 'whole'), expires_at
           from resumable_uploads where id = ?`,
        )
        .run(final, final, content.length, 8 * MIB + 1, `final;${ids.join(' ')}`, ids[0] ?? '')
      database.prepare('update resumable_uploads set final_id = ? where concat = ?').run(final, 'partial')
      database.prepare('update resumable_uploads set blob_key = ? where id = ?').run(one, ids[1] ?? '')
    }
    await using server = await startServer({ dataFolder, built: true, args: [...quiet, '--sweep-interval', '1s'] })
    await sleep(1500)
    const answer = await concatenate(server, paths)
    assert.equal(answer.status, 201, answer.text)
    assert.equal(await hashOf(server, fileId(answer)), await sha256Of(content))
    await eventually(() => partials(server).length === 0)
  })
})

describe('a partial file that is not as it was left', sideBySide, () => {
  async function leave(content: Buffer, dataFolder: string, damage: (path: string) => void): Promise<string> {
    const server = await startServer({ dataFolder, built: true, args: quiet })
    const path = await beginUpload(server, content.length)
    await patch(server, path, 0, content.subarray(0, 500_000))
    damage(partPath(server))
    await server.kill()
    return path
  }

  it('is cut off when it is too long, as a crash leaves it', async () => {
    const dataFolder = temporaryFolder()
    const content = bytes(MIB, 'long')
    const path = await leave(content, dataFolder, (part) => truncateSync(part, 900_000))
    await using server = await startServer({ dataFolder, built: true, args: quiet })
    const id = fileId(await patch(server, path, 500_000, content.subarray(500_000)))
    assert.equal(await hashOf(server, id), await sha256Of(content))
  })

  it('is reported when it is too short', async () => {
    const dataFolder = temporaryFolder()
    const content = bytes(MIB, 'short')
    const path = await leave(content, dataFolder, (part) => truncateSync(part, 300_000))
    await using server = await startServer({ dataFolder, built: true, args: quiet })
    assert.equal((await patch(server, path, 500_000, content.subarray(500_000))).status, 409)
    assert.equal(await offsetOf(server, path), 300_000)
    const id = fileId(await patch(server, path, 300_000, content.subarray(300_000)))
    assert.equal(await hashOf(server, id), await sha256Of(content))
  })

  it('is 404 when it is gone', async () => {
    const dataFolder = temporaryFolder()
    const path = await leave(bytes(MIB), dataFolder, (part) => rmSync(part))
    await using server = await startServer({ dataFolder, built: true, args: quiet })
    assert.equal((await patch(server, path, 500_000, 'x')).status, 404)
    assert.equal((await tus(server, 'HEAD', path)).status, 404)
  })
})

describe('an upload that rests', sideBySide, () => {
  function endTimeOfAll(server: TestServer): void {
    using database = server.database()
    database.prepare('update resumable_uploads set expires_at = ?').run(Date.now() - 1)
  }

  it('is removed when its time is over, and tells when that is', async () => {
    await using server = await startServer({
      built: true,
      args: [...quiet, '--upload-expiry', '2h', '--sweep-interval', '1s', '--keep-deleted', '1s'],
    })
    const path = await beginUpload(server, 100_000)
    const earliest = Date.now() + 2 * HOUR_MS
    const answer = await patch(server, path, 0, bytes(50_000))
    const expires = Date.parse(answer.headers.get('upload-expires') ?? '')
    // The header has whole seconds.
    assert.ok(expires > earliest - 1000 && expires <= Date.now() + 2 * HOUR_MS)
    assert.equal(partials(server).length, 1)
    assert.equal(await offsetOf(server, path), 50_000)
    endTimeOfAll(server)
    await eventually(() => partials(server).length === 0)
    assert.equal((await tus(server, 'HEAD', path)).status, 404)
    assert.equal((await patch(server, path, 50_000, 'x')).status, 404)
  })

  it('goes with its guest link: its bytes, its name for watchers, everything', async () => {
    const args = [...quiet, '--sweep-interval', '1s', '--keep-deleted', '1s']
    await using server = await startServer({ built: true, args })
    const link = await server.owner(
      '/api/guest-links',
      postJson({ urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '48h0m0s' }),
    )
    const { id } = link.json<{ id: string }>()
    const created = await server.guest(`/api/guest/${id}/tus/`, {
      method: 'POST',
      body: 'half',
      headers: {
        'tus-resumable': '1.0.0',
        'upload-length': '8',
        'content-type': 'application/offset+octet-stream',
        'upload-metadata': metadata({ filename: 'half.txt', upload: 'watched-by-a-guest' }),
      },
    })
    assert.equal(created.status, 201, created.text)
    assert.equal(partials(server).length, 1)
    await server.owner(`/api/guest-links/${id}`, { method: 'DELETE' })
    await eventually(() => partials(server).length === 0)
    // The sweep frees the name a moment after the bytes.
    const put = () => server.owner('/api/files/again.txt?upload=watched-by-a-guest', { method: 'PUT', body: 'x' })
    await eventually(async () => (await put()).status === 201)
  })

  it('is not removed while bytes arrive, however long that takes', async () => {
    const args = [...quiet, '--sweep-interval', '1s', '--keep-deleted', '1s']
    await using server = await startServer({ built: true, args })
    const content = bytes(MIB, 'slow')
    const path = await beginUpload(server, content.length)
    const connection = startPatch(server, path, 0, content.length)
    connection.socket.write(content.subarray(0, 500_000))
    await arrived(server, 500_000)
    // The second idle upload goes in a sweep that began after a whole sweep.
    for (let sweep = 0; sweep < 2; sweep++) {
      const resting = await beginUpload(server, 10)
      endTimeOfAll(server)
      await eventually(() => partials(server).length === 1)
      assert.equal((await tus(server, 'HEAD', resting)).status, 404)
    }
    connection.socket.write(content.subarray(500_000))
    await eventually(() => connection.statuses[0] === 204)
    connection.socket.destroy()
    assert.equal(await hashOf(server, fileId(await tus(server, 'HEAD', path))), await sha256Of(content))
  })

  it('is swept by the next server too', async () => {
    const dataFolder = temporaryFolder()
    const first = await startServer({ dataFolder, built: true, args: [...quiet, '--upload-expiry', '1s'] })
    await beginUpload(first, 100_000)
    await first.kill()
    await sleep(1100)
    const args = [...quiet, '--sweep-interval', '1s', '--keep-deleted', '1s']
    await using server = await startServer({ dataFolder, built: true, args })
    await eventually(() => partials(server).length === 0)
  })

  it('resumes although more uploads rest than can be kept open', async () => {
    await using server = await startServer({ built: true, args: quiet })
    const content = bytes(5000, 'many')
    const paths: string[] = []
    for (let index = 0; index < 80; index++) paths.push(await beginUpload(server, content.length))
    for (const path of paths) await patch(server, path, 0, content.subarray(0, 2000))
    const open = readdirSync(`/proc/${server.pid}/fd`).length
    assert.ok(open < 120, `${open} files are open`)
    for (const path of paths) {
      const id = fileId(await patch(server, path, 2000, content.subarray(2000)))
      assert.equal(await hashOf(server, id), await sha256Of(content))
    }
  })
})

describe('a part on its way', sideBySide, () => {
  it('gets its grace at shutdown, then can be resumed', async () => {
    const dataFolder = temporaryFolder()
    const content = bytes(MIB, 'grace')
    const first = await startServer({ dataFolder, built: true, args: [...quiet, '--shutdown-grace', '5s'] })
    const [quick, stuck] = [await beginUpload(first, 1000), await beginUpload(first, content.length)]
    const finishing = startPatch(first, quick, 0, 1000)
    const staying = startPatch(first, stuck, 0, content.length)
    finishing.socket.write(bytes(500))
    staying.socket.write(content.subarray(0, 400_000))
    for (const count of [500, 400_000]) await arrived(first, count)
    const stopping = first.stop()
    await eventually(async () => (await first.guest('/api/health')).status === 503)
    finishing.socket.write(bytes(1000).subarray(500))
    assert.deepEqual(await stopping, { code: 0, signal: null })
    await Promise.all([finishing.closed, staying.closed])
    assert.equal(finishing.statuses[0], 204)
    await using server = await startServer({ dataFolder, built: true, args: quiet })
    assert.ok(fileId(await tus(server, 'HEAD', quick)))
    assert.equal(await offsetOf(server, stuck), 400_000)
    const id = fileId(await patch(server, stuck, 400_000, content.subarray(400_000)))
    assert.equal(await hashOf(server, id), await sha256Of(content))
  })

  it('makes room for its client on another connection when it has stalled', async () => {
    await using server = await startServer({ built: true, args: quiet })
    const path = await beginUpload(server, 10)
    const first = startPatch(server, path, 0, 10)
    first.socket.write('1234')
    await arrived(server, 4)
    await sleep(10_000)
    const second = await eventually(async () => {
      const answer = await patch(server, path, 0, '1234567890')
      return answer.status === 423 ? null : answer
    })
    // What it had sent is kept, so the newcomer has to ask where to go on.
    assert.equal(second.status, 409)
    assert.equal(await offsetOf(server, path), 4)
    assert.ok(fileId(await patch(server, path, 4, '567890')))
  })

  it('does not delay a shutdown while it waits for the next part', async () => {
    await using server = await startServer({ built: true, args: [...quiet, '--shutdown-grace', '60s'] })
    const path = await beginUpload(server, 1000)
    await patch(server, path, 0, bytes(500))
    const startedAt = performance.now()
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.ok(performance.now() - startedAt < 30_000)
  })

  it('is not cut for idleness while a big file is hashed again', async () => {
    const dataFolder = temporaryFolder()
    const first = await startServer({ dataFolder, built: true, args: quiet })
    // Sparse gigabytes: longer than a second to hash, no space on the disk.
    const hashed = 2_500_000_000
    const path = await beginUpload(first, hashed + 5_000_000)
    await patch(first, path, 0, 'x')
    truncateSync(partPath(first), hashed)
    await first.kill()
    using database = first.database()
    database.prepare('update resumable_uploads set offset_bytes = ?').run(hashed)
    await using server = await startServer({ dataFolder, built: true, args: [...quiet, '--idle-timeout', '1s'] })
    const startedAt = performance.now()
    const answer = await patch(server, path, hashed, bytes(4_000_000))
    assert.equal(answer.status, 204)
    assert.ok(performance.now() - startedAt > 1000, 'it took longer than the idle timeout')
    assert.equal(await offsetOf(server, path), hashed + 4_000_000)
  })
})
