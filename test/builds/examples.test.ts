/** The templates in examples/ do what their README says. */
import assert from 'node:assert/strict'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Workshop } from './support/workshop.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples')

describe('examples', () => {
  it('fail and go on, make artifacts, and are then up to date', async () => {
    const shop = new Workshop()
    cpSync(EXAMPLES, join(shop.folder, 'examples'), { recursive: true })
    const failed = await shop.build('examples/steps.pkr.hcl')
    assert.match(failed.out, /step 2 of 3[^]*exit status: 3[^]*out\/license is missing/)
    shop.write('out/license', '')
    const names = ['steps.pkr.hcl', 'file.pkr.hcl', 'two-sources.pkr.hcl', 'legacy.json', 'folder']
    // qemu.test.ts builds the machine.
    const others = ['README.md', 'scripts', 'qemu-layers']
    const there = readdirSync(EXAMPLES).filter((name) => !others.includes(name))
    assert.deepEqual(there.toSorted(), names.toSorted())
    for (const name of names) {
      const { status, out, err } = await shop.build(join('examples', name))
      assert.equal(status, 0, `${name}: ${out}${err}`)
      assert.doesNotMatch(out, /correct horse/)
    }
    const made = ['greeting.txt', 'report.txt', 'motd', 'owner', 'release', 'rested']
    for (const name of made) assert.notEqual(shop.read(`out/${name}`), '', name)
    assert.match(shop.read('out/prepared'), /quick/)
    assert.match(shop.read('out/prepared'), /slow/)
    assert.equal(shop.read('out/release'), 'release 2026.11\n')
    for (const name of names) {
      const { out } = await shop.build(join('examples', name))
      assert.match(out, /^(\S+: up to date\n)+$/, `${name}: ${out}`)
    }
  })
})
