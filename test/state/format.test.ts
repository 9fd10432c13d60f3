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

// Who only looks, as at a backup, leaves a file of format 2 as it is.
for (const [format, formatOnceRead] of [
  [1, 3],
  [2, 2],
] as const) {
  it(`a state of format ${format} is opened, read, saved and compacted`, () => test(format, formatOnceRead))
}

async function test(format: number, formatOnceRead: number): Promise<void> {
  const data = join(folder, String(format))
  const before = await StateManager.open(data, { backups: false })
  for (let count = 1; count <= 5; count++) await before.update((draft) => draft.put(counted('x', count)))
  await before.update((draft) => draft.put(counted('y', 1)))
  await before.close()
  makeOld(statePath(data, 'default'), format)

  const [one, two] = await Promise.all([
    StateManager.open(data, { backups: false }),
    StateManager.open(data, { backups: false }),
  ])
  assert.equal(countOf(await one.get('x')), 5)
  assert.deepEqual(await one.verify(), [])
  assert.equal(formatOf(statePath(data, 'default')), formatOnceRead)
  await one.update((draft) => draft.put(counted('y', 2)))
  await two.update((draft) => draft.put(counted('y', 3)))
  await two.compact()
  assert.deepEqual(await one.verify(), [])
  assert.equal(countOf(await one.getAt(3, 'x')), 3)
  assert.equal(countOf(await one.getAt(7, 'y')), 2)
  assert.equal(countOf(await one.get('y')), 3)
  assert.equal(formatOf(statePath(data, 'default')), 3)
  await one.close()
  await two.close()
  await using last = await StateManager.open(data, { backups: false, keepSerials: 1 })
  await last.update((draft) => draft.put(counted('z', 1)))
  await last.compact()
  assert.deepEqual(await last.verify(), [])
  assert.equal(countOf(await last.get('x')), 5)
}

function makeOld(path: string, format: number): void {
  const connection = new DatabaseSync(path)
  simplifyUndo(connection)
  if (format === 1) moveOutOfSaves(connection)
  connection.exec("DELETE FROM meta WHERE key = 'emptied'")
  setMeta(connection, 'format', format)
  // Blocks could be ahead of rows that still had their packs.
  setMeta(connection, 'moved', 6 * PACKS_PER_SERIAL)
  connection.close()
}

function setMeta(connection: DatabaseSync, key: string, value: number): void {
  const update = connection.prepare('UPDATE meta SET value = ?, checksum = ? WHERE key = ?')
  update.run(String(value), crc32(`${key}=${value}`), key)
}

function formatOf(path: string): number {
  const connection = new DatabaseSync(path, { readOnly: true })
  const row = connection.prepare("SELECT value FROM meta WHERE key = 'format'").get()
  connection.close()
  return Number(row?.value)
}

/** Until format 2: only what was there before, in a flat list. */
function simplifyUndo(connection: DatabaseSync): void {
  const update = connection.prepare('UPDATE saves SET undo = ?, checksum = ? WHERE serial = ?')
  for (const row of connection.prepare('SELECT * FROM saves').all()) {
    const entries = JSON.parse(Buffer.from(row.undo as Uint8Array).toString()) as [string, number[] | null][]
    const undo = Buffer.from(
      JSON.stringify(
        entries.map((entry) =>
          entry
            .slice(0, 2)
            .flat()
            .filter((part) => part !== null),
        ),
      ),
    )
    const { serial, id, at, who, operation, token, builds, digest } = row
    const checksum = crc32(undo, crc32(JSON.stringify([serial, id, at, who, operation, token, builds, digest])))
    update.run(undo, checksum, Number(serial))
  }
}

/** In format 1 small packs were rows of `packs`. */
function moveOutOfSaves(connection: DatabaseSync): void {
  const insert = connection.prepare('INSERT INTO packs VALUES (?, ?, 0, NULL, NULL, ?, ?, ?)')
  for (const row of connection.prepare('SELECT serial, live, pack FROM saves').all()) {
    const { serial, live, pack } = row as { serial: number; live: number; pack: Uint8Array }
    insert.run(serial * PACKS_PER_SERIAL, live, pack.length, crc32(pack), pack)
  }
  connection.exec('ALTER TABLE saves DROP COLUMN pack; ALTER TABLE saves DROP COLUMN live')
}
