/** The manifests of a template's own post-processors, compared with the manifests of plain `packer build`. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { tempFolder } from '../helpers/temp-folder.ts'
import { Workshop } from './support/workshop.ts'

interface Manifest {
  builds: Record<string, unknown>[]
  last_run_uuid: string
}

const folder = tempFolder('manifest')
let plains = 0

const TWO = `variable "text" { default = "one" }
source "file" "a" {
  content = "a \${var.text}"
  target  = "a.txt"
}
source "file" "b" {
  content = "b"
  target  = "b.txt"
}
build {
  sources = ["source.file.a", "source.file.b"]
  post-processor "manifest" {
    output      = "manifest.json"
    custom_data = { text = "<&>" }
  }
}
`

function read(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest
}

/**
 * The constant part of a manifest: no times, no ids, and sorted, because sources that are built side by side end in
 * any order.
 */
function essence({ builds, last_run_uuid }: Manifest): unknown[] {
  return builds
    .map(({ build_time: _time, packer_run_uuid, ...rest }) => ({
      ...rest,
      isOfLastRun: packer_run_uuid === last_run_uuid,
    }))
    .map((build) => JSON.stringify(build))
    .toSorted()
}

/** The manifest that plain Packer leaves after these runs, each the arguments of a `packer build`. */
function plain(name: string, text: string, ...runs: readonly string[][]): Manifest {
  const shop = join(folder, String(plains++))
  mkdirSync(shop)
  writeFileSync(join(shop, name), text)
  for (const args of runs) {
    const { status, stdout } = spawnSync('packer', ['build', ...args, name], { cwd: shop, encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  }
  return read(join(shop, existsSync(join(shop, 'manifest.json')) ? 'manifest.json' : 'packer-manifest.json'))
}

describe('the manifest of a template with two sources', () => {
  it('has both builds under one run, as plain Packer leaves it', async () => {
    const shop = new Workshop()
    shop.write('t.pkr.hcl', TWO)
    const { status, out, err } = await shop.build('t.pkr.hcl')
    assert.equal(status, 0, out + err)
    const made = read(join(shop.folder, 'manifest.json'))
    assert.deepEqual(essence(made), essence(plain('t.pkr.hcl', TWO, [])))
    assert.equal(made.builds.length, 2)
    assert.match(shop.read('manifest.json'), /\\u003c\\u0026\\u003e/)
    assert.deepEqual(
      readdirSync(shop.folder).filter((name) => name.includes('.lock') || name.includes('.part')),
      [],
    )
  })

  it('has both under the newest run when one was built again and the other was up to date', async () => {
    const shop = new Workshop()
    shop.write('t.pkr.hcl', TWO)
    await shop.build('t.pkr.hcl')
    const first = read(join(shop.folder, 'manifest.json'))
    assert.equal((await shop.build('-var', 'text=two', 't.pkr.hcl')).status, 0)
    const second = read(join(shop.folder, 'manifest.json'))
    assert.notEqual(second.last_run_uuid, first.last_run_uuid)
    assert.deepEqual(essence(second), essence(plain('t.pkr.hcl', TWO, [], ['-var', 'text=two'])))
  })

  it('is as after packer build -force when it was built with --force', async () => {
    const shop = new Workshop()
    shop.write('t.pkr.hcl', TWO)
    await shop.build('t.pkr.hcl')
    assert.equal((await shop.build('--force', 't.pkr.hcl')).status, 0)
    assert.deepEqual(
      essence(read(join(shop.folder, 'manifest.json'))),
      essence(plain('t.pkr.hcl', TWO, [], ['-force'])),
    )
  })

  it('is left alone by a build that has nothing to do, and written again when it was removed', async () => {
    const shop = new Workshop()
    shop.write('t.pkr.hcl', TWO)
    await shop.build('t.pkr.hcl')
    const before = shop.read('manifest.json')
    assert.equal((await shop.build('t.pkr.hcl')).status, 0)
    assert.equal(shop.read('manifest.json'), before)
    spawnSync('rm', [join(shop.folder, 'manifest.json')])
    assert.equal((await shop.build('t.pkr.hcl')).status, 0)
    assert.equal(read(join(shop.folder, 'manifest.json')).builds.length, 2)
  })

  it('has one entry of a source that failed at first', async () => {
    const shop = new Workshop()
    const failing = TWO.replace(
      '  post-processor',
      '  provisioner "shell-local" {\n    only = ["file.b"]\n    inline = ["test -e go"]\n  }\n  post-processor',
    )
    shop.write('t.pkr.hcl', failing)
    assert.equal((await shop.build('--retries', '0', 't.pkr.hcl')).status, 1)
    assert.deepEqual(
      read(join(shop.folder, 'manifest.json')).builds.map(({ name }) => name),
      ['a'],
    )
    shop.write('go', '')
    assert.equal((await shop.build('t.pkr.hcl')).status, 0)
    const { builds, last_run_uuid } = read(join(shop.folder, 'manifest.json'))
    const newest = builds.filter(({ packer_run_uuid }) => packer_run_uuid === last_run_uuid)
    assert.deepEqual(new Set(newest.map(({ name }) => name)), new Set(['a', 'b']))
  })
})

describe('a manifest', () => {
  it('lies where Packer would write it for a JSON template, and later post-processors find it there', async () => {
    const shop = new Workshop()
    const template = {
      builders: [
        { type: 'file', name: 'a', content: 'a', target: 'a.txt' },
        { type: 'file', name: 'b', content: 'b', target: 'b.txt' },
      ],
      'post-processors': [
        [
          { type: 'manifest', strip_path: true },
          { type: 'shell-local', inline: ['grep -c builder_type packer-manifest.json >>seen'] },
        ],
      ],
    }
    const text = JSON.stringify(template)
    shop.write('t.json', text)
    const { status, out, err } = await shop.build('t.json')
    assert.equal(status, 0, out + err)
    assert.deepEqual(essence(read(join(shop.folder, 'packer-manifest.json'))), essence(plain('t.json', text, [])))
    assert.equal(shop.read('seen').trim().split('\n').at(-1), '2')
  })

  it('fails the build and stays unchanged when it cannot be read', async () => {
    const shop = new Workshop()
    shop.write('t.pkr.hcl', TWO)
    shop.write('manifest.json', 'not a manifest')
    const { status, err, out } = await shop.build('--retries', '0', '--verbose', 't.pkr.hcl')
    assert.equal(status, 1)
    assert.match(out + err, /manifest\.json cannot be changed/)
    assert.equal(shop.read('manifest.json'), 'not a manifest')
  })

  it('is written whole by builds of two templates at once', async () => {
    const shop = new Workshop()
    const names = ['one', 'two', 'three']
    for (const name of names) {
      shop.write(`${name}.pkr.hcl`, TWO.replaceAll('.txt', `-${name}.txt`))
    }
    const results = await Promise.all(names.map((name) => shop.build('--state', name, `${name}.pkr.hcl`)))
    assert.deepEqual(
      results.map(({ status }) => status),
      [0, 0, 0],
    )
    assert.equal(read(join(shop.folder, 'manifest.json')).builds.length, 6)
  })
})
