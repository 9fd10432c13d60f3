import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { describeResume, loadTemplate } from '../../../src/builds/template/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'
import { loadText, namesOf, packer, project } from './support/project.ts'

const folder = tempFolder('load')

const MANY = `
# one comment {
source "null" "a" { communicator = "none" }
source "null" "b" {
  communicator = "none" // }
}
build {
  name = "img"
  sources = ["source.null.a", "null.b"]
  source "null.a" {
    name = "zed"
  }
  provisioner "shell-local" {
    inline = ["echo all"]
  }
  provisioner "shell-local" {
    name = "named"
    only = ["null.zed"]
    inline = [<<-EOT
      echo "} heredoc \${"{"}"
    EOT
    ]
  }
  provisioner "shell-local" {
    only = ["img.null.zed", "zed", "null.*"]
    inline = ["echo never: Packer knows no globs here"]
  }
  provisioner "shell-local" {
    except = ["null.a"]
    inline = ["echo 😀 except a"]
  }
  post-processors {
    post-processor "checksum" {
      only = ["null.b"]
      checksum_types = ["md5"]
    }
  }
}
build {
  sources = ["null.b"]
  provisioner "shell-local" { inline = ["echo all"] }
  provisioner "shell-local" { inline = ["echo all"] }
}
`

describe('a template in HCL2', () => {
  it('has the sources and provisioners that packer runs, in their order', async () => {
    const template = await loadText(folder, MANY)
    assert.deepEqual(namesOf(template), {
      'img.null.a': ['shell-local: echo all'],
      'img.null.b': ['shell-local: echo all', 'shell-local: echo 😀 except a'],
      'img.null.zed': ['shell-local: echo all', 'named', 'shell-local: echo 😀 except a'],
      'null.b': ['shell-local: echo all', 'shell-local: echo all (2)'],
    })
    const { output } = packer(template.folder, 'build', '-color=false', 'a.pkr.hcl')
    for (const [name, steps] of Object.entries(namesOf(template))) {
      const ran = output.split('\n').filter((line) => line.startsWith(`==> ${name}: Running local shell`))
      assert.equal(ran.length, steps.length, `${name}: ${output}`)
    }
  })

  it('is read from a folder as one, without hidden files, with its automatic variables', async () => {
    const path = project(folder, {
      'sources.pkr.hcl': 'source "null" "a" { communicator = "none" }',
      'build.pkr.hcl': 'build { sources = ["null.a"] }',
      '.holdfast-1-abc.pkr.hcl': 'build { sources = ["null.a"] }',
      'x.auto.pkrvars.json': '{}',
      'x.auto.pkrvars.hcl': '',
      'x.pkrvars.hcl': '',
    })
    const template = await loadTemplate(path)
    assert.deepEqual(namesOf(template), { 'null.a': [] })
    assert.equal(template.format, 'hcl2')
    assert.deepEqual(
      template.autoVarFiles,
      ['x.auto.pkrvars.hcl', 'x.auto.pkrvars.json'].map((name) => join(path, name)),
    )
  })

  it('names file, line and text of a syntax error', async () => {
    await assert.rejects(loadText(folder, 'source "null" "a" {}\nbuild {\n  sources = ["null.a"\n}\n'), (error) => {
      assert.match(String(error), /a\.pkr\.hcl:[234]:\d+: .*/)
      return (error as { code?: string }).code === 'TEMPLATE_INVALID'
    })
  })

  const REFUSED = {
    'an unknown source': ['build { sources = ["null.nope"] }', 'TEMPLATE_INVALID', /"null.nope".*has: none/],
    'two builds of one name': [
      'source "null" "a" {}\nbuild { sources = ["null.a"] }\nbuild { sources = ["null.a"] }',
      'TEMPLATE_UNSUPPORTED',
      /:3: this is a second build of null\.a/,
    ],
    'no build': ['source "null" "a" {}', 'TEMPLATE_INVALID', /builds nothing/],
    'computed sources': ['build { sources = var.x }', 'TEMPLATE_UNSUPPORTED', /"sources" must be written out/],
    'dynamic provisioners': [
      'build {\n dynamic "provisioner" {\n for_each = []\n }\n}',
      'TEMPLATE_UNSUPPORTED',
      /a\.pkr\.hcl:2: dynamic "provisioner"/,
    ],
  } as const
  for (const [what, [text, code, message]] of Object.entries(REFUSED)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(loadText(folder, text), { code, message })
    })
  }
})

describe('a legacy JSON template', () => {
  it('has the provisioners of each builder', async () => {
    const text = JSON.stringify({
      builders: [{ type: 'null' }, { type: 'file', name: 'f' }],
      provisioners: [
        { type: 'shell-local', inline: ['echo one'] },
        { type: 'shell-local', inline: ['echo two'], only: ['f'] },
        { type: 'shell-local', script: 'a.sh', except: ['f'] },
      ],
    })
    assert.deepEqual(namesOf(await loadText(folder, text, 't.json')), {
      null: ['shell-local: echo one', 'shell-local: a.sh'],
      f: ['shell-local: echo one', 'shell-local: echo two'],
    })
  })

  const REFUSED = {
    'a text that is not JSON': ['{"builders": [', 'TEMPLATE_INVALID', /t\.json is not JSON/],
    'a JSON document that is not a template': [
      '{"builders": [{"name": "x"}]}',
      'TEMPLATE_INVALID',
      /builders\.0\.type/,
    ],
    'two builders of one name': ['{"builders": [{"type": "null"}, {"type": "null"}]}', 'TEMPLATE_INVALID', /'null'/],
    'computed names': [
      '{"builders": [{"type": "null", "name": "{{user `x`}}"}]}',
      'TEMPLATE_UNSUPPORTED',
      /written out/,
    ],
  } as const
  for (const [what, [text, code, message]] of Object.entries(REFUSED)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(loadText(folder, text, 't.json'), { code, message })
    })
  }
})

it('refuses a path that is not a template', async () => {
  await assert.rejects(loadTemplate(join(folder, 'nope.pkr.hcl')), { code: 'NOT_FOUND' })
  await assert.rejects(loadText(folder, '', 'a.txt'), { code: 'TEMPLATE_UNSUPPORTED' })
  await assert.rejects(loadText(folder, '{}', 'a.pkr.json'), { code: 'TEMPLATE_UNSUPPORTED' })
  await assert.rejects(loadTemplate(project(folder, {})), { code: 'TEMPLATE_INVALID' })
})

it('knows which builders can go on, and says why others cannot', () => {
  const kinds = ['null', 'qemu', 'file', 'amazon-ebs'].map((type) => describeResume(type).kind)
  assert.deepEqual(kinds, ['steps', 'checkpoint', 'none', 'none'])
  assert.match(describeResume('amazon-ebs').reason, /failed amazon-ebs build.* so the build starts over\.$/)
})
