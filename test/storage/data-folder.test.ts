import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { makeFolder, openDataFolder } from '../../src/storage/index.ts'
import { temporaryFolder } from '../support/server.ts'

it('makes a folder and its parents for its own user only, and accepts an existing one', () => {
  const path = join(temporaryFolder(), 'a', 'b')
  makeFolder(path)
  makeFolder(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
})

it('says so where no folder can be made, under a file or in /proc', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  for (const path of [join(folder, 'file', 'x'), '/proc/x']) {
    assert.throws(() => makeFolder(path), { code: 'DATA_FOLDER_UNUSABLE' })
  }
})

it('refuses a file as a data folder', () => {
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, '')
  assert.throws(() => openDataFolder(path), { code: 'DATA_FOLDER_UNUSABLE', message: /file is not a folder$/ })
})
