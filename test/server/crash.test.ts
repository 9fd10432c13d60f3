/** kill -9 during uploads, at random moments: acknowledged files are whole, and no other bytes remain. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytes, sha256Of } from '../support/bytes.ts'
import { postForm } from '../support/forms.ts'
import { generator, SEED } from '../support/random.ts'
import { rounds } from '../support/soak.ts'
import { eventually, startServer, temporaryFolder, type TestServer } from '../support/server.ts'

const ROUNDS = rounds({ quick: 10, soak: 50 })
/** Small and large ones, so that some are in each step of the way at any moment. */
const SIZES = [300, 5000, 70_000, 400_000, 2_000_000]
const SIDE_BY_SIDE = 5

/** Uploads one after another until the server is gone. */
async function uploadUntilKilled(
  server: TestServer,
  lane: number,
  random: (below: number) => number,
  acknowledged: Map<string, string>,
): Promise<void> {
  for (;;) {
    const size = SIZES[random(SIZES.length)] ?? 1
    const content = bytes(size, `${lane} ${random(2 ** 32)}`)
    try {
      if (lane % 2) {
        const answer = await postForm(server, [{ name: 'file', filename: 'f', content }])
        if (answer.status === 200) acknowledged.set(answer.json<{ id: string }>().id, await sha256Of(content))
      } else {
        acknowledged.set((await server.put('f', content)).id, await sha256Of(content))
      }
    } catch {
      // Killed in the middle: neither acknowledged nor, unless the answer was lost on its way, there.
      return
    }
  }
}

const blobs = (server: TestServer) =>
  readdirSync(join(server.dataFolder, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted()

/** Kills a server again and again; in the end looks at what is there. */
async function campaign(seed: number, kills: number): Promise<{ acknowledged: number; lost: number }> {
  const random = generator(seed)
  const dataFolder = temporaryFolder()
  const acknowledged = new Map<string, string>()
  for (let round = 0; round < kills; round++) {
    const server = await startServer({ dataFolder, built: true, args: ['--log-level', 'silent'] })
    const lanes = Array.from({ length: SIDE_BY_SIDE }, (_, lane) =>
      uploadUntilKilled(server, lane, random, acknowledged),
    )
    await sleep(50 + random(350))
    // However slow the disk is, one is acknowledged before the end.
    if (round === kills - 1) await eventually(() => acknowledged.size > 0)
    await server.kill()
    await Promise.all(lanes)
  }
  await using server = await startServer({ dataFolder })
  const { files } = await server.list('?limit=10000')
  for (const [id, hash] of acknowledged) {
    const answer = await server.guest(`/-${id}`)
    assert.equal(answer.status, 200, `${id} was acknowledged`)
    assert.equal(await sha256Of(answer.bytes), hash, id)
  }
  // Where the row was committed and only the answer was lost, the file is rightly listed, as long as it is whole.
  const others = files.filter(({ id }) => !acknowledged.has(id))
  for (const file of others) assert.equal(await sha256Of((await server.guest(`/-${file.id}`)).bytes), file.sha256)
  assert.ok(others.length <= kills * SIDE_BY_SIDE)
  // Bytes that a kill caught between their last one and their row are kept for a while; nothing else is left.
  await eventually(() => readdirSync(join(dataFolder, 'uploads')).length === 0)
  using database = server.database()
  const keysOf = (table: string) =>
    database
      .prepare(`select blob_key from ${table}`)
      .all()
      .map((row) => String(row.blob_key))
  const keys = keysOf('files')
  await eventually(() => blobs(server).length === keys.length + keysOf('orphaned_blobs').length)
  assert.deepEqual(blobs(server), [...keys, ...keysOf('orphaned_blobs')].toSorted())
  assert.ok(keysOf('orphaned_blobs').length <= kills * SIDE_BY_SIDE)
  assert.equal(database.prepare('pragma integrity_check').get()?.integrity_check, 'ok')
  return { acknowledged: acknowledged.size, lost: others.length }
}

it(`survives ${ROUNDS} kills (seed ${SEED})`, async (t) => {
  // Two folders side by side, so that one server starts while the other works.
  const outcomes = await Promise.all([campaign(SEED, ROUNDS / 2), campaign(SEED + 1, ROUNDS / 2)])
  for (const { acknowledged, lost } of outcomes) {
    t.diagnostic(`${acknowledged} acknowledged, ${lost} whose answer was lost`)
    assert.ok(acknowledged > 0)
  }
})
