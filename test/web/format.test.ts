import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatRelative,
  plural,
} from '../../src/web/format.ts'
import { describeUserAgent } from '../../src/web/user-agent.ts'

describe('sizes', () => {
  it('are decimal, with three digits', () => {
    const cases: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1500, '1.5 kB'],
      [52_428_800, '52.4 MB'],
      [5_368_709_120, '5.37 GB'],
      [2e15, '2 PB'],
    ]
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
  })

  it('are never a thousand of a unit', () => {
    assert.equal(formatBytes(999_600), '1 MB')
    assert.equal(formatRate(999_999), '1 MB/s')
  })
})

describe('durations', () => {
  it('show the two largest units', () => {
    const cases: [number, string][] = [
      [0, '0 s'],
      [59.4, '59 s'],
      [125, '2 min 5 s'],
      [120, '2 min'],
      [4800, '1 h 20 min'],
      [273_600, '3 d 4 h'],
    ]
    for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text)
  })
})

describe('counts', () => {
  it('have their noun', () => {
    assert.deepEqual(
      [plural(0, 'file'), plural(1, 'file'), plural(10_000, 'file')],
      ['0 files', '1 file', '10,000 files'],
    )
    assert.equal(formatCount(1_234_567), '1,234,567')
  })

  it('reach 100% only when all is there', () => {
    assert.deepEqual([0, 0.999, 1, 1.2, -1].map(formatPercent), ['0%', '99%', '100%', '100%', '0%'])
  })
})

describe('moments', () => {
  it('are told relative to now', () => {
    const now = Date.parse('2026-11-21T12:00:00Z')
    const cases = {
      '2026-11-21T12:00:10Z': 'in a moment',
      '2026-11-21T11:59:50Z': 'just now',
      '2026-11-21T09:00:00Z': '3 hours ago',
      '2026-11-20T12:00:00Z': 'yesterday',
      '2026-12-21T12:00:00Z': 'in 30 days',
      '2027-03-21T12:00:00Z': 'in 4 months',
      '2029-11-21T12:00:00Z': 'in 3 years',
    }
    for (const [at, text] of Object.entries(cases)) assert.equal(formatRelative(at, now), text)
  })
})

describe('user agents', () => {
  it('are told in a few words', () => {
    const cases = {
      'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': 'Firefox 140 on Linux',
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0':
        'Edge 139 on Windows',
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1':
        'Safari 18 on iOS',
      'curl/8.5.0': 'curl 8.5',
      '': 'Unknown',
      'something of its own': 'something of its own',
    }
    for (const [text, words] of Object.entries(cases)) assert.equal(describeUserAgent(text), words)
  })
})
