/**
 * Builds where something that Packer counts on is missing: a home, a folder for temporary files, the folder of the run.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { metadataOf } from '../../src/builds/index.ts'
import { finish, until, Workshop } from './support/workshop.ts'

describe('a build', () => {
  it('has a HOME where a service has none, as Packer 1.7 and newer need', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo home=$HOME'])
    shop.env = { HOME: '' }
    const { status, out } = await shop.build('steps.pkr.hcl')
    assert.equal(status, 0, out)
    assert.match((await shop.record('steps/null.a'))?.provisioners[0]?.output ?? '', /home=\//)
  })

  it('repeats the whole output of a Packer that does not start', async () => {
    const shop = new Workshop()
    const packer = shop.write(
      'packer',
      '#!/bin/sh\nprintf "Error loading configuration: \\n\\nNo disk found\\n" >&2; exit 1\n',
    )
    chmodSync(packer, 0o755)
    shop.env = { HOLDFAST_PACKER: packer }
    shop.writeSteps(['true'])
    assert.match((await shop.build('steps.pkr.hcl')).err, /'Error loading configuration: No disk found'/)
  })

  it('names a missing folder for temporary files', async () => {
    const shop = new Workshop()
    shop.writeSteps(['true'])
    const missing = join(shop.folder, 'no', 'tmp')
    shop.env = { TMPDIR: missing }
    const { status, err } = await shop.build('steps.pkr.hcl')
    assert.deepEqual(
      [status, err.includes(`the folder for temporary files, ${missing}, does not exist`)],
      [69, true],
      err,
    )
  })

  it('names the folder of its run when it was removed', async () => {
    const shop = new Workshop()
    shop.writeSteps([': >begun', 'until test -e go; do sleep 0.05; done'])
    const ended = finish(shop.start('build', 'steps.pkr.hcl'))
    await until(() => existsSync(join(shop.folder, 'begun')))
    const build = (await shop.record('steps/null.a')) ?? assert.fail()
    const folder = metadataOf(build)?.run.folder ?? assert.fail()
    rmSync(folder, { recursive: true })
    shop.write('go', '')
    const { status, out, err } = await ended
    assert.equal(status, 1, out + err)
    assert.ok((out + err).includes(`the folder of its run, ${folder}, was removed meanwhile`), out + err)
  })

  it('repeats the error of Packer when it refuses the template', async () => {
    const shop = new Workshop()
    const template = [
      'variable "word" { default = "a" }',
      'locals { wrong = nosuchfunction(var.word) }',
      'source "null" "a" { communicator = "none" }',
      'build {',
      '  sources = ["source.null.a"]',
      '  provisioner "shell-local" { inline = ["echo ${var.word} ${local.wrong}"] }',
      '}',
    ]
    shop.write('bad.pkr.hcl', template.join('\n'))
    const { status, err } = await shop.build('bad.pkr.hcl')
    assert.equal(status, 65, err)
    assert.match(err, /Packer does not accept the template .*bad\.pkr\.hcl:\n.*nosuchfunction/s)
    assert.doesNotMatch(err, /has no value/)
  })
})
