import assert from 'node:assert/strict'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { HoldfastError } from '../../src/base/index.ts'
import { createBuild, readDocument, StateManager } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const folder = tempFolder('state-document')

function codeOf(text: string | Uint8Array): string {
  try {
    readDocument('a file', Buffer.from(text as string))
    return 'none'
  } catch (error) {
    return error instanceof HoldfastError ? error.code : String(error)
  }
}

describe('readDocument', () => {
  it('has a separate error for each way in which a file is not a state', () => {
    const whole = JSON.stringify({ version: 1, builds: { web: { source: 'qemu', metadata: { text: 'a "b" \\' } } } })
    const cases = {
      '': 'IMPORT_EMPTY',
      ' \n\t': 'IMPORT_EMPTY',
      [whole.slice(0, 20)]: 'IMPORT_TRUNCATED',
      [whole.slice(0, -1)]: 'IMPORT_TRUNCATED',
      '{"version": tru': 'IMPORT_TRUNCATED',
      '{"version" 1}': 'IMPORT_INVALID_JSON',
      hello: 'IMPORT_INVALID_JSON',
      [`${whole}}`]: 'IMPORT_INVALID_JSON',
      '\0\0\0': 'IMPORT_NUL_BYTES',
      [`${whole}\0\0`]: 'IMPORT_NUL_BYTES',
      '[]': 'IMPORT_NOT_A_STATE',
      null: 'IMPORT_NOT_A_STATE',
      '{"version":"one"}': 'IMPORT_NOT_A_STATE',
      '{"builds":"web"}': 'IMPORT_NOT_A_STATE',
      '{"builds":{"web":1}}': 'IMPORT_NOT_A_STATE',
      '{"hello":"world"}': 'IMPORT_NOT_A_STATE',
      '{"version":4,"serial":3,"resources":[]}': 'IMPORT_NOT_A_STATE',
      '{"builds":[{"name":"web"},{"name":"web"}]}': 'IMPORT_NOT_A_STATE',
      '{"builds":{"a":{"name":"web"},"web":{}}}': 'IMPORT_NOT_A_STATE',
      '{"format":"holdfast-state","version":2,"builds":[]}': 'STATE_TOO_NEW',
      '{"builds":[{}]}': 'INVALID_BUILD',
      '{"builds":{"web":{"status":"completed"}}}': 'INVALID_BUILD',
      '{"builds":{"web":{"source":7}}}': 'INVALID_BUILD',
      '{"builds":{"web":{"metadata":["a"]}}}': 'INVALID_BUILD',
      '{"builds":{"web":{"provisioners":["shell"]}}}': 'INVALID_BUILD',
      '{"builds":{"web":{"artifacts":{"disk":{}}}}}': 'INVALID_BUILD',
      '{"builds":{"web":{"artifacts":[{"size":"12 MB"}]}}}': 'INVALID_BUILD',
    }
    for (const [text, code] of Object.entries(cases)) assert.equal(codeOf(text), code, JSON.stringify(text))
    assert.equal(codeOf(zstdCompressSync(whole).subarray(0, 30)), 'IMPORT_TRUNCATED')
    assert.equal(codeOf(Buffer.from('{"builds":{"w\xe9b":{}}}', 'latin1')), 'IMPORT_INVALID_JSON')
  })

  it('names the given value, and the allowed ones', () => {
    const read = (build: string) => () => readDocument('a file', Buffer.from(`{"builds":{"web":${build}}}`))
    assert.throws(read('{"status":"completed"}'), /^HoldfastError: the build "web" .*"pending"\|.*, not "completed"$/)
    assert.throws(read('{"artifacts":[{"size":"12 MB"}]}'), /artifacts\.0\.sizeBytes: .* received string, not "12 MB"$/)
  })

  it('accepts the smallest state', () => {
    for (const text of ['{}', '{"version":1,"serial":4}', '{"builds":{}}', '{"builds":null}', '\uFEFF{"builds":[]}']) {
      assert.deepEqual(readDocument('a file', Buffer.from(text)).builds, [], text)
    }
    const { builds, serial } = readDocument('a file', Buffer.from('{"version":1,"serial":4,"builds":{"web":{}}}'))
    assert.equal(serial, 4)
    assert.equal(builds[0]?.name, 'web')
    assert.equal(builds[0]?.status, 'pending')
  })

  it('accepts the files of earlier builders, and loses nothing of them', () => {
    const build = {
      name: 'web',
      type: 'amazon-ebs.ubuntu',
      status: 'complete',
      template_hash: 'abc',
      created_at: '2025-11-17T10:00:00Z',
      started_at: null,
      error: null,
      builder_id: 'x-1',
      artifacts: [{ path: '/out/web', size: 5 }],
      provisioners: [{ type: 'shell', status: 'complete' }],
    }
    const [read] = readDocument('a file', Buffer.from(JSON.stringify({ version: 1, builds: { web: build } }))).builds
    assert.equal(read?.source, 'amazon-ebs.ubuntu')
    assert.equal(read.templateHash, 'abc')
    assert.equal(read.createdAt, '2025-11-17T10:00:00Z')
    assert.deepEqual(read.metadata, { builder_id: 'x-1' })
    assert.deepEqual(read.artifacts, [{ path: '/out/web', sizeBytes: 5, sha256: '', url: null }])
    assert.deepEqual(read.provisioners, [
      { name: 'shell', status: 'complete', error: null, startedAt: null, endedAt: null },
    ])
  })

  it('fails only with a HoldfastError, whatever the bytes', () => {
    const text = JSON.stringify({ version: 1, builds: { web: { status: 'failed', provisioners: [{ name: 'a' }] } } })
    const damage = fc.record({ at: fc.nat(text.length), cut: fc.boolean(), byte: fc.nat(255) })
    fc.assert(
      fc.property(damage, ({ at, cut, byte }) => {
        const bytes = Buffer.from(cut ? text.slice(0, at) : text)
        if (!cut && at < bytes.length) bytes.writeUInt8(byte, at)
        assert.match(codeOf(bytes), /^(none|IMPORT_\w+|INVALID_BUILD)$/)
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.json(), (json) =>
        assert.match(codeOf(json), /^(none|IMPORT_\w+|INVALID_BUILD|NESTING_TOO_DEEP)$/),
      ),
    )
  })
})

describe('document', () => {
  it('comes back as the same builds, through any texts', async () => {
    const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 })
    let round = 0
    await fc.assert(
      fc.asyncProperty(texts, async (values) => {
        const builds = values.map((value, index) =>
          createBuild({ name: `b${index}`, source: value, metadata: { [value]: value } }),
        )
        await using manager = await StateManager.open(join(folder, String(round++)), { backups: false })
        await manager.replace(builds)
        const document = await buffer(Readable.from(manager.document()))
        assert.deepEqual(readDocument('it', document).builds, builds)
        assert.deepEqual(readDocument('it', zstdCompressSync(document)).builds, builds)
      }),
      { numRuns: 15 },
    )
  })

  it('is a state without builds when there are none', async () => {
    await using manager = await StateManager.open(join(folder, 'empty'), { backups: false })
    const { builds, serial } = readDocument('it', await buffer(Readable.from(manager.document())))
    assert.deepEqual([builds, serial], [[], 0])
  })
})
