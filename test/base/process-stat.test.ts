import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseProcessStat } from '../../src/base/index.ts'

describe('a line of /proc/PID/stat', () => {
  it('is read whatever the program is called', () => {
    const line = `42 (a) b (c) S 1 40 39 0 -1 4194304 1 0 0 0 7 5 0 0 20 0 1 0 1234 5000 300 1\n`
    const stat = { pid: 42, state: 'S', group: 40, session: 39, cpuTicks: 12, started: 1234 }
    assert.deepEqual(parseProcessStat(line), stat)
  })

  it('is right for this process', { skip: process.platform !== 'linux' }, () => {
    assert.equal(parseProcessStat(readFileSync('/proc/self/stat', 'latin1'))?.pid, process.pid)
  })

  it('is null for anything else', () => {
    for (const text of ['', 'no line', '42 (sh) S 1 40 39\n']) assert.equal(parseProcessStat(text), null)
  })
})
