import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { evaluateHcl, findPacker, renderJson, runPacker } from '../../src/builds/packer.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { project, realPacker } from './template/support/project.ts'

const folder = tempFolder('packer')
const input = { vars: [], varFiles: [], cwd: folder, env: process.env }

describe('finding packer', () => {
  it('finds it on the PATH and by its setting', async () => {
    const { path, version } = await findPacker({ env: process.env })
    assert.match(version, /^\d+\.\d+\.\d+/)
    assert.deepEqual(await findPacker({ env: { PATH: '', HOLDFAST_PACKER: path } }), { path, version })
  })

  it('says how to install a missing one', async () => {
    await assert.rejects(findPacker({ env: { PATH: folder } }), {
      code: 'PACKER_MISSING',
      hint: /apt-get install packer/,
    })
    await assert.rejects(findPacker({ env: { ...process.env, HOLDFAST_PACKER: '/nope/packer' } }), {
      code: 'PACKER_MISSING',
      message: /HOLDFAST_PACKER names \/nope\/packer/,
    })
  })

  it('tells another program of that name from it', async () => {
    const other = join(folder, 'packer')
    writeFileSync(other, '#!/bin/sh\necho cracklib\n')
    chmodSync(other, 0o755)
    await assert.rejects(findPacker({ env: { PATH: folder } }), { code: 'PACKER_MISSING', message: /says 'cracklib'/ })
  })
})

describe('a question to packer', () => {
  it('is not cut short by a Ctrl-C meant for Holdfast', async () => {
    const script = 'trap "echo stopped" INT; kill -INT 0; echo answer'
    const { stdout, failed } = await runPacker('/bin/sh', ['-c', `cut -d' ' -f5 /proc/self/stat`], '', input)
    const ours = readFileSync('/proc/self/stat', 'latin1').split(' ')[4]
    assert.notEqual(stdout.trim(), ours)
    assert.equal(failed, false)
    // Only now is it safe to try: it would meet us, too.
    assert.equal((await runPacker('/bin/sh', ['-c', script], '', input)).stdout, 'stopped\nanswer\n')
  })
})

describe('evaluating', () => {
  it('tells values from errors in HCL, one by one', async () => {
    const path = project(folder, {
      'a.pkr.hcl': 'variable "s" {\n  default = "secret"\n  sensitive = true\n}\nlocals {\n  l = [1, "é"]\n}\n',
    })
    const expressions = [
      'local.l',
      'nope.x',
      '"${1 + 1}\\n"',
      'file("missing")',
      'null',
      'var.s',
      'sha256(var.s)',
      '{ a = 1 }',
    ]
    const results = await evaluateHcl(await realPacker(), join(path, 'a.pkr.hcl'), input, expressions)
    const values = results.map((result) => ('value' in result ? result.value : result.error))
    const hash = '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'
    assert.deepEqual([values[0], values[2], values[4], values[6], values[7]], [[1, 'é'], '2\n', null, hash, { a: 1 }])
    assert.match(String(values[1]), /no variable named "nope"/)
    assert.match(String(values[3]), /no file exists at/)
    assert.equal(values[5], 'secret')
  })

  it('asks for many expressions in few lines', async () => {
    const path = project(folder, { 'a.pkr.hcl': '' })
    const real = await realPacker()
    const counting = join(path, 'counting')
    writeFileSync(counting, `#!/bin/sh\necho asked >>"$0.log"\nexec "${real.path}" "$@"\n`)
    chmodSync(counting, 0o755)
    const expressions = Array.from({ length: 200 }, (_, index) => `"${'x'.repeat(30)}${index}"`)
    const results = await evaluateHcl({ ...real, path: counting }, join(path, 'a.pkr.hcl'), input, expressions)
    assert.deepEqual(results.at(-1), { value: `${'x'.repeat(30)}199` })
    // Some 28,000 bytes of expressions and what is put round them, at most 8000 a line.
    assert.equal(readFileSync(`${counting}.log`, 'utf8'), 'asked\n'.repeat(4))
  })

  it('tells values from errors in JSON', async () => {
    const path = project(folder, { 't.json': '{"variables": {"x": "1\\n2"}, "builders": [{"type": "null"}]}' })
    const given = { ...input, vars: ['x=\n|'] }
    const results = await renderJson(await realPacker(), join(path, 't.json'), given, [
      'a{{user `x`}}b',
      '{{nope}}',
      '{{template_dir}}',
    ])
    assert.deepEqual(results[0], { value: 'a\n|b' })
    assert.match(String((results[1] as { error?: string }).error), /"nope" not defined/)
    assert.deepEqual(results[2], { value: path })
  })
})
