import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  AttemptThrottle,
  formatBytes,
  formatDuration,
  ID_ALPHABET,
  isId,
  parseBytes,
  parseDuration,
  randomId,
} from '../../src/base/index.ts'

describe('bytes', () => {
  it('reads decimal and binary units', () => {
    const cases = { '0': 0, '100M': 1e8, '1.5 GB': 1.5e9, '64MiB': 67_108_864, '2k': 2000, '7 b': 7 }
    for (const [text, bytes] of Object.entries(cases)) assert.equal(parseBytes(text), bytes, text)
  })

  it('refuses what is not a size', () => {
    for (const text of ['', 'M', '-1', '1X', '1e3', '9999999TB', '1 000']) assert.equal(parseBytes(text), null, text)
  })

  it('writes three digits', () => {
    assert.deepEqual([0, 999, 1500, 5_368_709_120].map(formatBytes), ['0 B', '999 B', '1.5 kB', '5.37 GB'])
  })
})

describe('addresses that guess', () => {
  it('count as one when they share a /64 of IPv6, in any notation', () => {
    const throttle = new AttemptThrottle({ now: () => 0 })
    const addresses = ['2001:db8::1', '2001:db8:0:0:1::', '2001:db8:0:0:ffff:1:2:3', '2001:db8::2', '2001:db8::3:1']
    for (const address of addresses) throttle.attempt(address)
    assert.throws(() => throttle.attempt('2001:db8::9'), { code: 'TOO_MANY_ATTEMPTS' })
    throttle.attempt('2001:db8:0:1::9')
    throttle.attempt('192.0.2.1')
  })
})

describe('durations', () => {
  it('reads what Go prints', () => {
    const cases = {
      '30s': 30_000,
      '876000h0m0s': 3_153_600_000_000,
      '1h30m': 5_400_000,
      '1.5s': 1500,
      '250ms': 250,
      '0': 0,
    }
    for (const [text, ms] of Object.entries(cases)) assert.equal(parseDuration(text), ms, text)
  })

  it('refuses what is not a duration', () => {
    for (const text of ['', '30', 's', '-1s', '1 s', '1y', '1s2']) assert.equal(parseDuration(text), null, text)
  })

  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.nat({ max: 1e12 }), (ms) => parseDuration(formatDuration(ms)) === ms))
  })
})

describe('ids', () => {
  it("have PicoShare's form and do not repeat", () => {
    const ids = Array.from({ length: 2000 }, () => randomId(10))
    assert.equal(new Set(ids).size, ids.length)
    assert.ok(ids.every((id) => isId(id, 10)))
    const seen = new Set(ids.join(''))
    assert.equal(seen.size, ID_ALPHABET.length)
  })

  it('are refused with another length or a look-alike', () => {
    for (const text of ['', 'abcdefghi', 'abcdefghijk', 'abcdefghi1', 'abcdefghi/'])
      assert.equal(isId(text, 10), false, text)
  })
})
