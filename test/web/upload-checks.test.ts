import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  checkCount,
  checkFilename,
  checkJob,
  checkNote,
  checkPassphrase,
  type Limits,
} from '../../src/web/upload/checks.ts'

const ANY: Limits = { availableBytes: null, maxFileBytes: null, filesLeft: null }
const file = { name: 'a.txt', sizeBytes: 1_000_000 }

describe('before sending', () => {
  it('accepts files within all limits', () => {
    assert.equal(checkJob(file, ANY), null)
    assert.equal(checkJob(file, { availableBytes: 1_000_000, maxFileBytes: 1_000_000, filesLeft: 1 }), null)
  })

  it('says what is wrong', () => {
    const code = (job: typeof file, limits: Partial<Limits> = {}) => checkJob(job, { ...ANY, ...limits })?.code
    assert.equal(code({ ...file, sizeBytes: 0 }), undefined)
    assert.equal(code({ ...file, name: 'a/x' }), 'BAD_NAME')
    assert.equal(code(file, { availableBytes: 999_999 }), 'NO_SPACE')
    assert.equal(code(file, { maxFileBytes: 999_999 }), 'TOO_LARGE')
    assert.equal(code(file, { filesLeft: 0 }), 'NO_UPLOADS_LEFT')
  })

  it('names the sizes', () => {
    const full = checkJob(file, { ...ANY, availableBytes: 500_000 })
    assert.equal(full?.message, "The server's disk has room for 500 kB more, and this file needs 1 MB.")
    const close = checkJob({ ...file, sizeBytes: 1_049_000 }, { ...ANY, maxFileBytes: 1_048_576 })
    assert.match(close?.message ?? '', /it has 1,049,000 bytes, and at most 1,048,576 bytes/)
    assert.match(checkJob(file, { ...ANY, availableBytes: -5 })?.message ?? '', /disk is full/)
  })
})

describe('a typed value', () => {
  it('is checked as a filename', () => {
    for (const name of ['a', '.hidden', 'ü'.repeat(255), '🗝'.repeat(255), 'a..b', '..a', 'a\\b', ' ', '家族.zip'])
      assert.equal(checkFilename(name), null, name)
    for (const name of ['', '.', '..', 'a/b', 'a\nb', 'a\ud800', 'ü'.repeat(256)]) {
      assert.notEqual(checkFilename(name), null, JSON.stringify(name))
    }
  })

  it('is measured in bytes or characters, as the server does', () => {
    assert.equal(checkNote('ü'.repeat(250)), null)
    assert.match(checkNote(`${'ü'.repeat(250)}x`) ?? '', /too long by 1 byte:/)
    assert.equal(checkPassphrase('🗝'.repeat(100)), null)
    assert.notEqual(checkPassphrase('🗝'.repeat(101)), null)
  })

  it('is a whole number or nothing', () => {
    for (const text of ['', '1', '250']) assert.equal(checkCount(text), null)
    for (const text of ['0', '-1', '1.5', 'x', '1e3']) assert.notEqual(checkCount(text), null)
  })
})
