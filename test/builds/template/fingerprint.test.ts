import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fingerprintSource, loadTemplate, type Fingerprint } from '../../../src/builds/template/index.ts'
import type { PackerInput } from '../../../src/builds/packer.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'
import { project, realPacker, sourceNamed } from './support/project.ts'

const folder = tempFolder('fingerprint')

async function fingerprint(
  path: string,
  name = 'null.a',
  given: Partial<PackerInput> & { file?: string } = {},
): Promise<Fingerprint> {
  const template = await loadTemplate(join(path, given.file ?? 'a.pkr.hcl'))
  return fingerprintSource(template, sourceNamed(template, name), {
    packer: await realPacker(),
    vars: [],
    varFiles: [],
    cwd: path,
    env: process.env,
    hashMemoryFile: join(path, '.memory.json'),
    ...given,
  })
}

const HCL = `
variable "early" { default = "e" }
variable "late" {
  // Stands in the paths, too, where Packer would hide it.
  default   = "holdfast"
  sensitive = true
}
variable "none" {
  default = null
}
locals {
  through = "\${var.late}-\${timestamp()}"
  script  = "\${path.root}/two.sh"
  unused  = "u"
}
source "null" "a" { communicator = "none" }
source "null" "b" { communicator = "none" }
build {
  sources = ["null.a", "null.b"]
  provisioner "shell-local" {
    inline = ["echo \${var.early}", "echo \${var.none == null}"]
  }
  provisioner "shell-local" {
    scripts = [local.script]
  }
  provisioner "file" {
    source      = "folder/"
    destination = "/tmp/x"
  }
  provisioner "shell-local" {
    inline = [<<-EOT
      echo \${local.through} \${file("read.txt")}
    EOT
    ]
  }
  post-processor "checksum" { checksum_types = ["md5"] }
}
`
const FILES = { 'two.sh': 'echo 2', 'folder/a': 'a', 'folder/sub/b': 'b', 'read.txt': 'r', 'a.pkr.hcl': HCL }

/** How far two fingerprints agree: the number of equal steps, or what differs before them. */
function agreement(a: Fingerprint, b: Fingerprint): string {
  if (a.base !== b.base) return 'nothing'
  const different = a.steps.findIndex((step, index) => step !== b.steps[index])
  if (different !== -1) return `until ${different}`
  return a.final === b.final ? 'all' : 'steps'
}

/** Rewrites one file of the project and says how far the fingerprint stays. */
async function afterChange(
  name: string,
  change: (text: string) => string,
  given: Partial<PackerInput> = {},
): Promise<string> {
  const path = project(folder, FILES)
  const before = await fingerprint(path)
  assert.deepEqual(before.unknown, [])
  assert.equal(before.steps.length, 4)
  writeFileSync(join(path, name), change(readFileSync(join(path, name), 'utf8')))
  return agreement(before, await fingerprint(path, 'null.a', given))
}

describe('a fingerprint of HCL2', () => {
  const same = (text: string) => text
  const CHANGES: [
    what: string,
    name: string,
    change: (text: string) => string,
    expected: string,
    given?: Partial<PackerInput>,
  ][] = [
    ['nothing', 'a.pkr.hcl', same, 'all'],
    ['a comment and blanks', 'a.pkr.hcl', (text) => `# hi\n${text.replace('inline =', '/* c */ inline   =')}`, 'all'],
    [
      'another source',
      'a.pkr.hcl',
      (text) => text.replace('"b" { ', '"b" {\n ssh_host = "h"\n').replace('"none" }\nbuild', '"none"\n}\nbuild'),
      'all',
    ],
    ['an unused local', 'a.pkr.hcl', (text) => text.replace('"u"', '"v"'), 'all'],
    ['only of a step', 'a.pkr.hcl', (text) => text.replace('provisioner "file" {', '$&\nonly = ["null.a"]'), 'all'],
    [
      'the source',
      'a.pkr.hcl',
      (text) => text.replace('"a" { ', '"a" {\n ssh_host = "h"\n').replace('"none" }', '"none"\n}'),
      'nothing',
    ],
    ['the first step', 'a.pkr.hcl', (text) => text.replace('echo ', 'echo  '), 'until 0'],
    ['a script', 'two.sh', () => 'echo 3', 'until 1'],
    ['a file in a folder', 'folder/sub/b', () => 'c', 'until 2'],
    ['a file that a function reads', 'read.txt', () => 's', 'until 3'],
    ['a heredoc’s blanks', 'a.pkr.hcl', (text) => text.replace('      echo $', '       echo $'), 'until 3'],
    ['a used local', 'a.pkr.hcl', (text) => text.replace('-${time', '+${time'), 'until 3'],
    ['a post-processor', 'a.pkr.hcl', (text) => text.replace('md5', 'sha1'), 'steps'],
    ['a variable of the last step', 'a.pkr.hcl', same, 'until 3', { vars: ['late=another'] }],
    ['a variable in the environment', 'a.pkr.hcl', same, 'until 0', { env: { ...process.env, PKR_VAR_early: 'x' } }],
  ]
  for (const [what, name, change, expected, given] of CHANGES) {
    it(`after a change of ${what} agrees: ${expected}`, async () => {
      assert.equal(await afterChange(name, change, given), expected)
    })
  }

  it('sees files of variables, given and automatic, and moves with its folder', async () => {
    const one = project(folder, { ...FILES, 'v.pkrvars.hcl': 'early = "e"', 'w.pkrvars.hcl': 'early = "w"' })
    const before = await fingerprint(one)
    assert.equal(agreement(before, await fingerprint(one, 'null.a', { varFiles: ['v.pkrvars.hcl'] })), 'all')
    assert.equal(agreement(before, await fingerprint(one, 'null.a', { varFiles: ['w.pkrvars.hcl'] })), 'until 0')
    const two = project(folder, { ...FILES, 'x.auto.pkrvars.hcl': 'late = "auto"' })
    assert.equal(agreement(before, await fingerprint(two, 'null.a')), 'all')
    // As a folder, with a run's template in it.
    writeFileSync(join(two, '.holdfast-1-abc.pkr.hcl'), HCL)
    assert.equal(agreement(before, await fingerprint(two, 'null.a', { file: '' })), 'until 3')
  })

  it('lists the files, and never a secret', async () => {
    const path = project(folder, FILES)
    const found = await fingerprint(path, 'null.a', { vars: ['late=topsecret'] })
    const names = ['folder/a', 'folder/sub/b', 'read.txt', 'two.sh'].map((name) => join(path, name))
    assert.deepEqual(
      found.files.map((file) => file.path),
      names,
    )
    assert.doesNotMatch(JSON.stringify(found), /topsecret/)
  })

  it('names values that only a run can tell', async () => {
    const text = HCL.replace('echo ${var.early}', 'echo ${build.ID} ${source.name}')
    const { unknown } = await fingerprint(project(folder, { ...FILES, 'a.pkr.hcl': text }))
    assert.deepEqual(unknown, [
      'provisioner "shell-local: echo ${build.ID} ${source.name}" uses build.ID, which is only known during a run.',
    ])
  })

  it('refuses a missing script and a variable without a value', async () => {
    const path = project(folder, FILES)
    rmSync(join(path, 'two.sh'))
    await assert.rejects(fingerprint(path), {
      code: 'TEMPLATE_INVALID',
      message: /provisioner "shell-local: local\.script", scripts names .*two\.sh, which does not exist/,
    })
    const unset = HCL.replace('variable "early" { default = "e" }', 'variable "early" {}')
    const bare = project(folder, { ...FILES, 'a.pkr.hcl': unset })
    await assert.rejects(fingerprint(bare), { code: 'TEMPLATE_INVALID', message: /needs a value for: early/ })
    await fingerprint(bare, 'null.a', { vars: ['early=1'] })
    await assert.rejects(fingerprint(bare, 'null.a', { varFiles: ['nope.pkrvars.hcl'] }), { code: 'NOT_FOUND' })
    await assert.rejects(fingerprint(path, 'null.a', { vars: ['undeclared=1'] }), { message: /undeclared|Undefined/ })
  })
})

describe('a fingerprint of JSON', () => {
  const template = (change: object = {}) =>
    JSON.stringify({
      _comment: 'x',
      variables: { early: 'e', late: 'l', need: null },
      'sensitive-variables': ['late'],
      builders: [
        { type: 'null', communicator: 'none' },
        { type: 'null', name: 'b', communicator: 'none' },
      ],
      provisioners: [
        { type: 'shell-local', inline: ['echo {{user `early`}}'], override: { b: { inline: ['b'] } } },
        { type: 'shell-local', script: '{{template_dir}}/two.sh' },
        { type: 'shell-local', inline: ['echo {{ user "late" }}'] },
      ],
      'post-processors': ['checksum'],
      ...change,
    })

  it('changes with what it is made from', async () => {
    const path = project(folder, { 't.json': template(), 'two.sh': '2' })
    const take = (vars: string[]) => fingerprint(path, 'null', { file: 't.json', vars: ['need=1', ...vars] })
    const before = await take([])
    assert.equal(before.steps.length, 3)
    assert.equal(agreement(before, await take(['early=x'])), 'until 0')
    assert.equal(agreement(before, await take(['late=x'])), 'until 2')
    writeFileSync(join(path, 't.json'), template({ _comment: 'y', 'post-processors': ['compress'] }))
    assert.equal(agreement(before, await take([])), 'steps')
    writeFileSync(join(path, 'two.sh'), '3')
    assert.equal(agreement(before, await take([])), 'until 1')
    await assert.rejects(fingerprint(path, 'null', { file: 't.json' }), { message: /needs a value for: need/ })
    const b = await fingerprint(path, 'b', { file: 't.json', vars: ['need=1', 'early=other'] })
    assert.equal(agreement(b, await fingerprint(path, 'b', { file: 't.json', vars: ['need=1'] })), 'all')
  })
})

describe('hashes of files', () => {
  const SOURCE = 'source "null" "a" {}\nbuild {\n sources = ["null.a"]\n provisioner "file" {\n source = "big"\n }\n}\n'

  it('are remembered for big files until they change, even at the same size and time', async () => {
    const path = project(folder, { 'a.pkr.hcl': SOURCE, big: 'x'.repeat(2_000_000) })
    const before = await fingerprint(path)
    const memory = readFileSync(join(path, '.memory.json'), 'utf8')
    assert.match(memory, /"sha256":"[0-9a-f]{64}"/)
    // What is remembered is believed.
    writeFileSync(join(path, '.memory.json'), memory.replace(/[0-9a-f]{64}/, '0'.repeat(64)))
    assert.equal((await fingerprint(path)).files[0]?.sha256, '0'.repeat(64))
    const { atime, mtime } = statSync(join(path, 'big'))
    writeFileSync(join(path, 'big'), 'y'.repeat(2_000_000))
    utimesSync(join(path, 'big'), atime, mtime)
    const after = await fingerprint(path)
    assert.notEqual(after.files[0]?.sha256, before.files[0]?.sha256)
    assert.notEqual(after.files[0]?.sha256, '0'.repeat(64))
    writeFileSync(join(path, '.memory.json'), '{"broken')
    assert.deepEqual(await fingerprint(path), after)
  })

  it('tell names, links and runs’ templates apart in folders', async () => {
    const path = project(folder, { 'a.pkr.hcl': SOURCE.replace('big', '.'), inner: 'i' })
    mkdirSync(join(path, 'loop'))
    symlinkSync('..', join(path, 'loop/up'))
    symlinkSync('nowhere', join(path, 'broken'))
    const before = await fingerprint(path)
    writeFileSync(join(path, '.holdfast-12-abc.pkr.hcl'), 'x')
    assert.equal(agreement(before, await fingerprint(path)), 'all')
    writeFileSync(join(path, 'new name'), 'i')
    assert.equal(agreement(before, await fingerprint(path)), 'until 0')
  })
})
