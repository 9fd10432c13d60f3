/** Shows that the linter sees a wrong import: a checker that silently reads nothing looks green. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { it } from 'node:test'
import { ROOMS } from '../../floors.ts'

it('refuses every deliberate violation', () => {
  const files = globSync('test/floors/violations/**/*.ts').toSorted()
  const args = ['node_modules/.bin/oxlint', '--format=json', ...files]
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const report = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }
  const refused = report.diagnostics.filter(({ code }) => code.includes('no-restricted-imports'))
  assert.deepEqual([...new Set(refused.map(({ filename }) => filename))].toSorted(), files)
})

it('has a violation for every room', () => {
  for (const room of Object.keys(ROOMS)) {
    assert.ok(globSync(`test/floors/violations/${room}/**/*.ts`).length > 0, room)
  }
})
