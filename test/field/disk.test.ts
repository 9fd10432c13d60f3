/** Disks that are full, read-only, gone, or several. failing-disk.test.ts has the failing ones. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { withSmallDisk } from '../helpers/small-disk.ts'
import { bytes } from '../support/bytes.ts'
import { eventually, startServer, temporaryFolder, type TestServer } from '../support/server.ts'

/** Fills a disk to its last byte, as another program would. */
function fill(folder: string): void {
  const file = openSync(join(folder, 'filler'), 'w')
  for (const size of [1_000_000, 4096, 1]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch {
      // Full, as far as pieces of this size go.
    }
  }
  closeSync(file)
}

async function readiness(server: TestServer): Promise<{ status: number; text: string }> {
  const { status, text } = await server.guest('/api/ready')
  return { status, text }
}

/** A program that runs Holdfast in a shell after a command, its standard error going to `log`. */
function shell(before: string, log = '/dev/null'): string {
  const path = join(temporaryFolder(), 'holdfast.sh')
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const lines = ['#!/bin/sh', before, `exec "${process.execPath}" "${main}" "$@" 2>>"${log}"`]
  writeFileSync(path, lines.join('\n'), { mode: 0o755 })
  return path
}

describe('a disk that another program fills', () => {
  it('still lets the owner log in, download and delete, and the server stop', async (t) => {
    await withSmallDisk(t, 'size=60m', async (disk) => {
      const data = join(disk, 'data')
      const server = await startServer({
        dataFolder: data,
        args: ['--min-free-space', '1MB', '--sweep-interval', '1s'],
      })
      const { id } = await server.put('big.bin', bytes(12_000_000))
      const { id: limited } = await server.put('limited.bin', bytes(10_000), '?maxDownloads=5')
      fill(disk)
      const ready = await readiness(server)
      assert.equal(ready.status, 503)
      assert.doesNotMatch(ready.text, new RegExp(disk))
      // The database gives its reserve up for the next sweep; no upload may take that.
      await eventually(() => !existsSync(join(data, 'reserve')))
      assert.equal((await server.owner('/api/files/more', { method: 'PUT', body: 'more' })).status, 507)
      await server.login()
      assert.equal((await server.guest(`/-${id}`)).status, 200)
      assert.equal((await server.guest(`/-${limited}`)).status, 200)
      assert.equal((await server.owner(`/api/entry/${id}?purge=true`, { method: 'DELETE' })).status, 200)
      assert.equal((await server.owner('/api/files/more', { method: 'PUT', body: 'more' })).status, 201)
      fill(disk)
      const { code } = await server.stop()
      assert.equal(code, 0, server.log)
      assert.doesNotMatch(server.log, /request failed/)
    })
  })
})

describe('a data folder that takes no more writes', () => {
  it('is not ready, refuses uploads in words, and still serves files', async (t) => {
    await using server = await startServer()
    const { id } = await server.put('a.txt', 'text')
    const folders = ['files', 'uploads'].map((name) => join(server.dataFolder, name))
    // A read-only mount cannot be had while the server has files open in it; folders that cannot be changed can.
    const change = (how: string) => spawnSync('chattr', [how, ...folders]).status === 0
    if (!change('+i')) return t.skip('only root can make folders immutable, on some file systems')
    try {
      const ready = await eventually(async () => {
        const answer = await readiness(server)
        return answer.status === 503 ? answer : null
      })
      assert.ok(!ready.text.includes(server.dataFolder))
      const headers = { accept: 'application/json' }
      const upload = await server.owner('/api/files/b', { method: 'PUT', body: 'x', headers })
      assert.equal(upload.status, 503, upload.text)
      assert.equal(upload.json<{ error: { code: string } }>().error.code, 'DATA_FOLDER_UNUSABLE')
      assert.equal((await server.guest(`/-${id}`)).text, 'text')
    } finally {
      change('-i')
    }
    await eventually(async () => (await readiness(server)).status === 200)
    assert.equal((await server.owner('/api/files/b', { method: 'PUT', body: 'x' })).status, 201)
  })
})

describe('stored files on another file system', () => {
  for (const part of ['files', 'uploads'] as const) {
    it(`work: ${part}/`, async (t) => {
      await withSmallDisk(t, 'size=60m', async (disk) => {
        const data = temporaryFolder()
        for (const folder of ['files', 'uploads']) mkdirSync(join(data, folder))
        const place = join(data, part)
        assert.equal(spawnSync('mount', ['--bind', disk, place]).status, 0)
        try {
          const server = await startServer({ dataFolder: data, args: ['--min-free-space', '1MB'] })
          const { id } = await server.put('a.bin', bytes(100_000))
          assert.ok((await server.guest(`/-${id}`)).bytes.equals(bytes(100_000)))
          assert.equal((await readiness(server)).status, 200)
          await server.stop()
        } finally {
          spawnSync('umount', ['-l', place])
        }
      })
    })
  }
})

describe('a data folder that is moved away', () => {
  it('is not ready, takes nothing, and is not recreated', async () => {
    const parent = temporaryFolder()
    const data = join(parent, 'data')
    await using server = await startServer({ dataFolder: data })
    await server.put('a.txt', 'text')
    renameSync(data, join(parent, 'moved'))
    assert.equal((await readiness(server)).status, 503)
    assert.equal((await server.owner('/api/files/b', { method: 'PUT', body: 'x' })).status, 503)
    assert.deepEqual(readdirSync(parent), ['moved'])
    renameSync(join(parent, 'moved'), data)
    await eventually(async () => (await readiness(server)).status === 200)
    assert.equal((await server.owner('/api/files/b', { method: 'PUT', body: 'x' })).status, 201)
  })
})

describe('a disk without inodes', () => {
  it('counts as full: it says so, and the trash makes room', async (t) => {
    await withSmallDisk(t, 'size=60m,nr_inodes=80', async (disk) => {
      const args = ['--min-free-space', '1MB', '--sweep-interval', '1s']
      await using server = await startServer({ dataFolder: join(disk, 'data'), args })
      const { id } = await server.put('a.txt', 'text')
      assert.equal((await server.owner(`/api/entry/${id}`, { method: 'DELETE' })).status, 200)
      let made = 0
      for (; statfsSync(disk).ffree > 0; made += 1) writeFileSync(join(disk, `filler-${made}`), '')
      const upload = await server.owner('/api/files/b', { method: 'PUT', body: 'x' })
      assert.equal(upload.status, 507, upload.text)
      const ready = await eventually(async () => {
        const answer = await readiness(server)
        return answer.status === 503 ? answer : null
      })
      assert.match(ready.text, /no space left|the disk is full/)
      await eventually(async () => (await server.owner('/api/trash')).json().total === 0)
      for (let index = 0; index < made; index += 1) rmSync(join(disk, `filler-${index}`))
      await eventually(async () => (await readiness(server)).status === 200)
      assert.equal((await server.owner('/api/files/b', { method: 'PUT', body: 'x' })).status, 201)
    })
  })
})

describe('a disk that takes no large files, such as FAT32', () => {
  it('refuses large files in words and takes the others', async () => {
    const executable = shell('ulimit -f 4000')
    await using server = await startServer({ executable })
    const large = await server.owner('/api/files/large', { method: 'PUT', body: bytes(5_000_000) })
    assert.equal(large.status, 413, large.text)
    assert.match(large.text, /the disk takes no file that large/)
    await server.put('small', bytes(1_000_000))
    assert.equal((await server.list()).total, 1)
    assert.deepEqual(readdirSync(join(server.dataFolder, 'uploads')), [])
  })
})

describe('a full disk under the file of the log', () => {
  it('ends no server, and the log continues when there is space', async (t) => {
    await withSmallDisk(t, 'size=1m', async (disk) => {
      const log = join(disk, 'log')
      await using server = await startServer({ executable: shell(':', log) })
      fill(disk)
      for (let index = 0; index < 100; index += 1) assert.equal((await server.guest('/api/session')).status, 200)
      rmSync(join(disk, 'filler'))
      await eventually(async () => {
        await server.guest('/robots.txt')
        return readFileSync(log, 'utf8').includes('/robots.txt')
      })
      assert.equal((await server.stop()).code, 0)
    })
  })
})
