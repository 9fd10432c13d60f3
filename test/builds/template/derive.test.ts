import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SELF } from '../../../src/base/index.ts'
import {
  DerivedFile,
  deriveTemplate,
  loadTemplate,
  MARKER_LINE,
  sweepDerivedFiles,
  type LoadedTemplate,
  type StepEvent,
} from '../../../src/builds/template/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'
import { loadText, namesOf, packer, project, sourceNamed } from './support/project.ts'

const folder = tempFolder('derive')
const manifests = { folder: '/manifests', command: ['true'] }
const HORROR = `it's "q" \${a} %{b} é 😀 \\n $(touch x) \`y\``

interface Ran {
  status: number | null
  output: string
  events: StepEvent[]
  manifest: { builds: { name: string; files: { name: string }[] | null }[] } | null
}

/** Derives, writes, runs and removes, as a build does. */
async function run(template: LoadedTemplate, name: string, from = 0, odd = 'plain'): Promise<Ran> {
  const out = join(project(folder, {}), odd)
  mkdirSync(out)
  const eventsFile = join(out, odd.includes('q') ? '{{events}}.jsonl' : 'events.jsonl')
  const manifestFile = join(out, 'manifest.json')
  const derived = deriveTemplate(template, sourceNamed(template, name), { from, eventsFile, manifestFile, manifests })
  await using file = await DerivedFile.write(template.folder, derived)
  const given = derived.varFiles.map((path) => `-var-file=${path}`)
  const result = packer(
    template.folder,
    'build',
    '-color=false',
    '-force',
    `-only=${name}`,
    ...given,
    basename(file.path),
  )
  const lines = existsSync(eventsFile) ? readFileSync(eventsFile, 'utf8').trim().split('\n') : []
  return {
    ...result,
    events: lines.map((line) => JSON.parse(line) as StepEvent),
    manifest: existsSync(manifestFile) ? (JSON.parse(readFileSync(manifestFile, 'utf8')) as Ran['manifest']) : null,
  }
}

function told(events: readonly StepEvent[]): string[] {
  return events.map(({ event, step }) => `${event} ${step}`)
}

const HCL = `# 😀 before everything
variable "word" {
  default = "dflt"
}
source "null" "a" { communicator = "none" }
source "file" "f" {
  content = "x"
  target = "out.txt"
}
build {
  name = "b"
  sources = ["null.a", "file.f"]
  provisioner "shell-local" { inline = ["echo step-zero \${path.root} \${var.word} '{{build_name}}'"] }
  provisioner "shell-local" {
    only = ["file.f"]
    inline = [<<EOT
echo step-file
EOT
    ]
  }
  provisioner "shell-local" {
    inline = ["echo step-two"]
    max_retries = 1
  }
  post-processor "checksum" {
    checksum_types = ["md5"]
    only = ["file.f"]
    output = "out.{{.ChecksumType}}"
  }
  post-processors {
    post-processor "compress" {
      only = ["file.f"]
      output = "out.tar.gz"
    }
  }
}
`

describe('a derived template', () => {
  it('runs like the user’s own, and reports its progress', async () => {
    const template = await loadText(folder, HCL)
    const ran = await run(template, 'b.file.f')
    assert.equal(ran.status, 0, ran.output)
    assert.deepEqual(told(ran.events), ['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2'])
    assert.ok(ran.events.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 60_000))
    assert.match(ran.output, /step-zero \. dflt f\n/)
    const marks = [...ran.output.matchAll(new RegExp(MARKER_LINE, 'g'))].map(({ groups }) => groups?.['step'])
    assert.deepEqual(marks, ['0', '0', '1', '1', '2', '2'])
    const made = ran.manifest?.builds.flatMap(({ files }) => files?.map(({ name }) => name) ?? []) ?? []
    assert.deepEqual(
      made.toSorted(),
      ['out.md5', 'out.tar.gz', 'out.txt'].filter((name) => made.includes(name)),
    )
    assert.ok(made.includes('out.tar.gz') && made.includes('out.md5'), String(made))
    assert.ok(!(await hasHidden(template.folder)), 'the derived file stayed')
  })

  it('has its own manifest where no post-processor applies to the source', async () => {
    const ran = await run(await loadText(folder, HCL), 'b.null.a')
    assert.equal(ran.status, 0, ran.output)
    assert.deepEqual(told(ran.events), ['start 0', 'end 0', 'start 1', 'end 1'])
    assert.deepEqual(ran.manifest?.builds.length, 1)
  })

  it('leaves out complete steps', async () => {
    const template = await loadText(folder, HCL)
    const ran = await run(template, 'b.file.f', 2)
    assert.deepEqual(told(ran.events), ['start 2', 'end 2'])
    assert.doesNotMatch(ran.output, /step-zero|step-file/)
    const none = await run(template, 'b.file.f', 3)
    assert.equal(none.status, 0, none.output)
    assert.deepEqual(none.events, [])
    assert.ok(none.manifest)
  })

  it('shows which step failed: the one without an end', async () => {
    const text = HCL.replace('echo step-two', 'exit 3')
    const ran = await run(await loadText(folder, text), 'b.null.a')
    assert.equal(ran.status, 1)
    assert.deepEqual(told(ran.events), ['start 0', 'end 0', 'start 1'])
    assert.equal(ran.manifest, null)
  })

  it('takes odd paths as they are', async () => {
    const ran = await run(await loadText(folder, HCL), 'b.null.a', 0, HORROR)
    assert.equal(ran.status, 0, ran.output)
    assert.equal(ran.events.length, 4)
    assert.ok(ran.manifest)
    const json = await run(await loadText(folder, JSON_TEMPLATE, 't.json'), 'f', 0, HORROR)
    assert.equal(json.status, 0, json.output)
    assert.equal(json.events.length, 4)
  })

  it('is one file for a folder, with the folder’s variables', async () => {
    const [head, build] = HCL.split(/^(?=build)/m) as [string, string]
    const path = project(folder, {
      'a.pkr.hcl': head,
      'b.pkr.hcl': `\uFEFF${build}`,
      'v.auto.pkrvars.hcl': 'word = "auto"',
    })
    const ran = await run(await loadTemplate(path), 'b.null.a')
    assert.equal(ran.status, 0, ran.output)
    assert.match(ran.output, /step-zero \. auto/)
  })

  const JSON_TEMPLATE = JSON.stringify({
    variables: { word: 'dflt' },
    builders: [
      { type: 'null', communicator: 'none' },
      { type: 'file', name: 'f', content: 'x', target: 'out.txt' },
    ],
    provisioners: [
      { type: 'shell-local', inline: ['echo step-zero {{user `word`}} {{build_name}}'] },
      { type: 'shell-local', inline: ['echo step-null'], only: ['null'] },
      { type: 'shell-local', inline: ['echo plain'], override: { f: { inline: ['echo overridden'] } } },
    ],
    'post-processors': [
      { type: 'checksum', checksum_types: ['md5'], output: 'out.md5', only: ['f'] },
      ['compress', 'checksum'].map((type) => ({ type, except: ['null'], output: `out-2.${type}.gz` })),
    ],
  })

  it('does the same in JSON', async () => {
    const ran = await run(await loadText(folder, JSON_TEMPLATE, 't.json'), 'f')
    assert.equal(ran.status, 0, ran.output)
    assert.match(ran.output, /step-zero dflt f\n[^]*overridden/)
    assert.deepEqual(told(ran.events), ['start 0', 'end 0', 'start 1', 'end 1'])
    assert.equal(ran.manifest?.builds.length, 2)
    const other = await run(await loadText(folder, JSON_TEMPLATE, 't.json'), 'null', 1)
    assert.equal(other.status, 0, other.output)
    assert.deepEqual(told(other.events), ['start 1', 'end 1', 'start 2', 'end 2'])
    assert.equal(other.manifest?.builds.length, 1)
  })

  it('refuses a manifest where Packer would look for a template', async () => {
    const template = await loadText(folder, HCL)
    const options = { from: 0, eventsFile: '/e', manifestFile: '/a{{b}}', manifests }
    assert.throws(() => deriveTemplate(template, sourceNamed(template, 'b.null.a'), options), {
      code: 'INVALID_REQUEST',
    })
  })
})

describe('a derived template for qemu', () => {
  const options = {
    from: 0,
    eventsFile: '/run/events',
    manifestFile: '/run/manifest.json',
    manifests,
    qemu: {
      baseImage: '/images/step 1.qcow2',
      monitorFile: '/run/a,b {{x}}.conf',
      checkpointCommand: ['save', "it's"],
    },
  }
  const provisioner = 'provisioner "shell" { inline = ["true"] }'
  const BARE = `source "qemu" "q" { iso_url = "x.iso" }\nbuild {\n sources = ["qemu.q"]\n${provisioner}\n}`
  const FULL = `source "qemu" "q" {
  iso_urls = ["x.iso"]
  iso_checksum = "md5:0"
  ssh_username = "root"
  boot_command = [
    "<enter>"
  ]
  qemuargs = [["-m", "64"]]
}
build {
  source "qemu.q" {
    disk_image = false
  }
  ${provisioner}
}`

  it('starts from a base image and can be asked to save', async () => {
    for (const text of [
      BARE.replace('"x.iso"', '"x.iso"\n ssh_username = "root"')
        .replace('{ iso', '{\niso')
        .replace('"root" }', '"root"\n}'),
      FULL,
    ]) {
      const template = await loadText(folder, text)
      const derived = deriveTemplate(template, sourceNamed(template, 'qemu.q'), options)
      await using file = await DerivedFile.write(template.folder, derived)
      const { status, output } = packer(template.folder, 'validate', basename(file.path))
      assert.equal(status, 0, `${output}\n${derived.text}`)
      const again = await loadTemplate(file.path)
      assert.deepEqual(namesOf(again), {
        'qemu.q': [
          "shell-local: events='/run/events'",
          'shell: true',
          'shell: sync',
          "shell-local: events='/run/events' (2)",
        ],
      })
      assert.match(derived.text, /disk_image = true[^]*|iso_checksum = "none"/)
      assert.match(derived.text, /\["-readconfig", "\/run\/a,b \{\{`\{\{`\}\}x\}\}\.conf"\]/)
      assert.match(derived.text, /skip_compaction = false[^]*use_backing_file = false/)
      assert.match(derived.text, /'save' \\"\$\(printf .*\)\\" '0'/)
      assert.doesNotMatch(derived.text, /boot_command|x\.iso|md5:0/)
    }
  })

  it('makes room in a block of one line', async () => {
    const template = await loadText(folder, BARE)
    const derived = deriveTemplate(template, sourceNamed(template, 'qemu.q'), options)
    await loadText(folder, derived.text)
    const path = project(folder, { 'a.pkr.hcl': derived.text.replace('disk_image', 'ssh_username = "r"\ndisk_image') })
    const { status, output } = packer(path, 'validate', 'a.pkr.hcl')
    assert.equal(status, 0, output)
  })
})

describe('files of derived templates', () => {
  it('are swept when their process is dead, and only then', async () => {
    const path = project(folder, { 'a.pkr.hcl': HCL })
    const dead = spawn('true')
    await once(dead, 'exit')
    const derived = { text: 'x', suffix: '.pkr.hcl' } as const
    const mine = await DerivedFile.write(path, derived)
    const owner = { ...SELF, pid: dead.pid ?? assert.fail(), started: '1' }
    const left = await DerivedFile.write(path, derived, owner)
    const kept = await DerivedFile.write(path, derived, owner)
    const elsewhere = await DerivedFile.write(path, derived, { ...owner, namespace: '1' })
    const old = join(path, `.holdfast-${dead.pid}-abc.pkr.hcl`)
    writeFileSync(old, 'x')
    const removed = await sweepDerivedFiles(path, [kept.path])
    assert.deepEqual(new Set(removed), new Set([left.path, old]))
    assert.ok(existsSync(elsewhere.path))
    utimesSync(elsewhere.path, 1, 1)
    assert.deepEqual(await sweepDerivedFiles(path, [kept.path]), [elsewhere.path])
    assert.ok(existsSync(mine.path) && existsSync(kept.path) && !existsSync(left.path))
    await mine.remove()
    await mine.remove()
  })
})

it('keeps all provisioners in their order, whatever the template is made of', async () => {
  const piece = fc.constantFrom(
    'provisioner "shell-local" { inline = ["echo 1"] }',
    '# provisioner "shell-local" {',
    '/* { 😀 */ provisioner "shell-local" {\n  only = ["null.a"]\n  inline = [<<E\n}\nE\n  ]\n}',
    'provisioner "shell-local" {\n  except = ["null.a"]\n  inline = ["no"]\n}',
    'provisioner "shell-local" {\n  inline = ["${upper("}")} %{ if true }x%{ endif } $${y}"]\n}',
    'post-processor "checksum" {}',
    'post-processor "shell-local" { inline = ["echo 2"] }',
    'provisioner "shell-local" {\n  environment_vars = ["A=b" /* ] */,\n    "C=d", # end\n  ]\n  inline = ["echo 3"]\n}',
    'post-processors {\n  post-processor "compress" { except = ["null.a"] }\n}',
  )
  const head = 'source "null" "a" { communicator = "none" }\nbuild {\n  sources = ["null.a"]\n'
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 6 }),
      fc.nat({ max: 4 }),
      fc.boolean(),
      async (pieces, start, crlf) => {
        const text = `${head}${pieces.join('\n')}\n}\n`
        const template = await loadText(folder, crlf ? text.replaceAll('\n', '\r\n') : text)
        const source = sourceNamed(template, 'null.a')
        const from = Math.min(start, source.provisioners.length)
        const derived = deriveTemplate(template, source, {
          from,
          eventsFile: '/e',
          manifestFile: '/m',
          manifests,
          tmpdir: '/t',
        })
        const again = sourceNamed(await loadText(folder, derived.text), 'null.a')
        const plain = (names: readonly { name: string }[]) => names.map(({ name }) => name.replace(/ \(\d+\)$/, ''))
        const left = plain(again.provisioners)
        assert.equal(left.length, from < source.provisioners.length ? 2 * (source.provisioners.length - from) + 1 : 0)
        assert.deepEqual(
          left.filter((_, index) => index % 2 === 1),
          plain(source.provisioners.slice(from)),
        )
      },
    ),
    { numRuns: 100 },
  )
})

async function hasHidden(path: string): Promise<boolean> {
  const { readdir } = await import('node:fs/promises')
  return (await readdir(path)).some((name) => name.startsWith('.holdfast'))
}
