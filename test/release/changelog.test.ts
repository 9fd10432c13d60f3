/** scripts/changelog.ts, in folders of its own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { tempFolder } from '../helpers/temp-folder.ts'

const SCRIPT = join(import.meta.dirname, '../../scripts/changelog.ts')
const folders = tempFolder('changelog')
const EMPTY = '# Changelog\n\nHow to read it.\n'
const FIXED = 'Fixed: A fault is gone.\n'
const ADDED = 'Added: Something is there.\n\nIt does this\nand that.\n'

describe('the check of the changelog', () => {
  it('takes titles with and without a paragraph', () => {
    assert.deepEqual(changelog(project({ 'a-fault.md': FIXED, 'thing.md': ADDED }), 'check'), {
      status: 0,
      stdout: '',
      stderr: '',
    })
  })

  it('names each entry that is malformed, and what is expected', () => {
    const bad = {
      'Title Case.md': FIXED,
      'kind.md': 'Improved: Something.\n',
      'stop.md': 'Fixed: No full stop\n',
      'long.md': `Fixed: ${'x'.repeat(100)}.\n`,
      'two.md': `${ADDED}\nAnd more.\n`,
      'close.md': 'Fixed: A fault.\nToo close.\n',
    }
    const { status, stderr } = changelog(project({ ...bad, 'good.md': FIXED }), 'check')
    assert.equal(status, 1)
    assert.deepEqual(
      stderr
        .trim()
        .split('\n')
        .map((line) => /^changelog\/unreleased\/(.+?): /.exec(line)?.[1]),
      Object.keys(bad).toSorted(),
    )
  })
})

describe('a release', () => {
  it('moves the entries above the entries of earlier versions, by kind', () => {
    const folder = project(
      { 'a-fault.md': FIXED, 'thing.md': ADDED },
      `${EMPTY}\n## 1.0.0 (2026-01-01)\n\n### Added\n\n- All.\n`,
    )
    assert.equal(changelog(folder, 'release', '1.1.0', '2026-02-03').stderr, '')
    assert.equal(
      readFileSync(join(folder, 'CHANGELOG.md'), 'utf8'),
      `${EMPTY}
## 1.1.0 (2026-02-03)

### Added

- **Something is there.** It does this and that.

### Fixed

- **A fault is gone.**

## 1.0.0 (2026-01-01)

### Added

- All.
`,
    )
    assert.deepEqual(readdirSync(join(folder, 'changelog/unreleased')), ['.gitkeep'])
  })

  it('is the first one too, and can be printed', () => {
    const folder = project({ 'a-fault.md': FIXED })
    changelog(folder, 'release', '1.0.0', '2026-02-03')
    assert.equal(changelog(folder, 'notes', '1.0.0').stdout, '### Fixed\n\n- **A fault is gone.**\n')
    assert.match(changelog(folder, 'notes', '1.0').stderr, /invalid version "1\.0"/)
    assert.match(changelog(folder, 'notes', '2.0.0').stderr, /no version 2\.0\.0: run /)
  })

  it('leaves all as it is when an entry is malformed', () => {
    const folder = project({ 'kind.md': 'Improved: Something.\n', 'good.md': FIXED })
    assert.equal(changelog(folder, 'release', '1.0.0').status, 1)
    assert.equal(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8'), EMPTY)
    assert.equal(readdirSync(join(folder, 'changelog/unreleased')).length, 3)
  })
})

function project(entries: Record<string, string>, changelogText = EMPTY): string {
  const folder = mkdtempSync(join(folders, 'project-'))
  const unreleased = join(folder, 'changelog/unreleased')
  mkdirSync(unreleased, { recursive: true })
  writeFileSync(join(folder, 'CHANGELOG.md'), changelogText)
  for (const [name, text] of Object.entries({ ...entries, '.gitkeep': '' })) writeFileSync(join(unreleased, name), text)
  return folder
}

function changelog(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { cwd, encoding: 'utf8' })
  return { status, stdout, stderr }
}
