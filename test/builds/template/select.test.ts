import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { selectSources } from '../../../src/builds/template/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'
import { loadText, packer } from './support/project.ts'

const folder = tempFolder('select')
const HCL = `
source "null" "a" { communicator = "none" }
source "null" "zed" { communicator = "none" }
build {
  name = "img"
  sources = ["null.a", "null.zed"]
}
build { sources = ["null.a"] }
`
const PATTERNS = ['img.*', '*.z?d', 'null.*', '*.[a-c]', 'img.nul**[!d]', 'img.null.{a', 'null.a,*zed']

describe('-only and -except', () => {
  it('select the same sources as Packer', async () => {
    const template = await loadText(folder, HCL)
    for (const pattern of PATTERNS) {
      for (const flag of pattern === '*.z?d' ? (['only', 'except'] as const) : (['only'] as const)) {
        const { output } = packer(template.folder, 'build', '-color=false', `-${flag}=${pattern}`, 'a.pkr.hcl')
        const built = [...output.matchAll(/^Build '(.*)' finished after/gm)].map(([, name]) => String(name)).toSorted()
        let ours: string[] = []
        try {
          ours = selectSources(template, { [flag]: [pattern] }).map(({ fullName }) => fullName)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'INVALID_REQUEST')
        }
        assert.deepEqual(ours.toSorted(), built, `-${flag}=${pattern}`)
      }
    }
  })

  it('list the sources when a pattern matches nothing', async () => {
    const template = await loadText(folder, HCL)
    assert.throws(() => selectSources(template, { only: ['null.a,img.nope*'] }), {
      code: 'INVALID_REQUEST',
      message: /-only=img\.nope\* matches no source of .*; it has: img\.null\.a, img\.null\.zed, null\.a\./,
    })
    assert.throws(() => selectSources(template, { except: ['*'] }), {
      code: 'INVALID_REQUEST',
      message: /leave no source/,
    })
    assert.throws(() => selectSources(template, { only: ['['] }), { code: 'INVALID_REQUEST', message: /never closed/ })
  })

  it('take whole names in JSON', async () => {
    const template = await loadText(folder, '{"builders": [{"type": "null"}, {"type": "file", "name": "n"}]}', 't.json')
    assert.deepEqual(
      selectSources(template, { only: ['null'] }).map(({ fullName }) => fullName),
      ['null'],
    )
    assert.throws(() => selectSources(template, { only: ['n*'] }), { code: 'INVALID_REQUEST' })
  })
})
