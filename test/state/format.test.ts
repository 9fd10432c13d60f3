/** Files of earlier versions. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { it } from 'node:test'
import { crc32 } from 'node:zlib'
import { StateManager, statePath } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { counted, countOf } from './counting.ts'

const folder = tempFolder('state-format')
const PACKS_PER_SERIAL = 2 ** 20

it('a state of format 1 is opened, read, saved and compacted', async () => {
  const data = join(folder, 'old')
  const before = await StateManager.open(data, { backups: false })
  for (let count = 1; count <= 5; count++) await before.update((draft) => draft.put(counted('x', count)))
  await before.update((draft) => draft.put(counted('y', 1)))
  await before.close()
  makeFormat1(statePath(data, 'default'))

  const [one, two] = await Promise.all([
    StateManager.open(data, { backups: false }),
    StateManager.open(data, { backups: false }),
  ])
  assert.equal(countOf(await one.get('x')), 5)
  await one.update((draft) => draft.put(counted('y', 2)))
  await two.update((draft) => draft.put(counted('y', 3)))
  await two.compact()
  assert.deepEqual(await one.verify(), [])
  assert.equal(countOf(await one.getAt(3, 'x')), 3)
  assert.equal(countOf(await one.getAt(7, 'y')), 2)
  assert.equal(countOf(await one.get('y')), 3)
  await one.close()
  await two.close()
})

/** The other way round: small packs become rows of `packs`. */
function makeFormat1(path: string): void {
  const connection = new DatabaseSync(path)
  const insert = connection.prepare('INSERT INTO packs VALUES (?, ?, 0, NULL, NULL, ?, ?, ?)')
  for (const row of connection.prepare('SELECT serial, live, pack FROM saves').all()) {
    const { serial, live, pack } = row as { serial: number; live: number; pack: Uint8Array }
    insert.run(serial * PACKS_PER_SERIAL, live, pack.length, crc32(pack), pack)
  }
  connection.exec('ALTER TABLE saves DROP COLUMN pack; ALTER TABLE saves DROP COLUMN live')
  connection.prepare("UPDATE meta SET value = '1', checksum = ? WHERE key = 'format'").run(crc32('format=1'))
  connection.close()
}
