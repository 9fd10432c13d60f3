/** The workflows of GitHub Actions name only what exists, and trust only what is pinned. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, '.github/workflows')
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

for (const name of readdirSync(FOLDER)) {
  const text = readFileSync(join(FOLDER, name), 'utf8')
  describe(name, () => {
    it('pins each action to a commit and says its version', () => {
      const actions = text.match(/\buses: .*/g) ?? []
      assert.ok(actions.length > 0)
      for (const action of actions) assert.match(action, /^uses: [\w-]+(\/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    })

    it('starts with no permission but to read the repository', () => {
      assert.match(text, /^permissions:\n {2}contents: read\n\n/m)
    })

    it('ends each job that hangs', () => {
      const jobs = text.match(/^ {4}runs-on: /gm) ?? []
      assert.equal(text.match(/^ {4}timeout-minutes: \d+$/gm)?.length, jobs.length)
    })

    it('runs only scripts that package.json has', () => {
      for (const [, script = ''] of text.matchAll(/\bnpm run (?:-\S+ )*([\w:-]+)/g)) assert.ok(scripts[script], script)
    })
  })
}
