import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { madeFiles } from '../../src/builds/artifacts.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const folder = tempFolder('artifacts')

it('names a damaged list of artifacts that a power failure emptied or cut short', () => {
  const manifest = join(folder, 'manifest.json')
  assert.deepEqual(madeFiles(manifest, [], folder), [])
  for (const text of ['', '{"builds": [{"builder', '{"builds": 1}']) {
    writeFileSync(manifest, text)
    assert.throws(() => madeFiles(manifest, [], folder), { code: 'ARTIFACT_DAMAGED', message: /manifest\.json/ })
  }
})
