/** What runs of Packer leave in the folder for temporary files, however they end, and whose TMPDIR the steps see. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { finish, until, Workshop } from './support/workshop.ts'

/** A shop with a TMPDIR of its own. */
function shopWithTmp(): Workshop & { tmp: string } {
  const shop = new Workshop()
  const tmp = join(shop.folder, 'tmp')
  mkdirSync(tmp)
  shop.env = { TMPDIR: tmp }
  return Object.assign(shop, { tmp })
}

describe('temporary files of a Packer that was killed', { concurrency: 2 }, () => {
  for (const victim of ['packer', 'packer and holdfast'] as const) {
    for (const next of ['is resumed', 'has changed', 'fails'] as const) {
      it(`are gone when ${victim} died and the next build ${next}`, async () => {
        const shop = shopWithTmp()
        shop.writeSteps(['test -e go || { echo one >>count; sleep 60; }'])
        const child = shop.start('build', 'steps.pkr.hcl')
        const ended = finish(child)
        await until(() => shop.read('count') !== '')
        const [own = ''] = readdirSync(shop.tmp)
        assert.match(own, /^holdfast-run-/)
        assert.match(readdirSync(join(shop.tmp, own)).join(), /packer-shell/)
        if (victim === 'packer and holdfast') child.kill('SIGKILL')
        await shop.killPacker()
        await ended
        shop.write('go', '')
        if (next === 'has changed') shop.writeSteps(['echo other'])
        if (next === 'fails') shop.writeSteps(['exit 9'])
        const { status, out } = await shop.build('steps.pkr.hcl')
        assert.equal(status, next === 'fails' ? 1 : 0, out)
        assert.deepEqual(readdirSync(shop.tmp), [])
      })
    }
  }

  it('are gone when its build is pruned instead', async () => {
    const shop = shopWithTmp()
    shop.writeSteps(['echo one >>count', 'sleep 60'])
    const child = shop.start('build', 'steps.pkr.hcl')
    const ended = finish(child)
    await until(() => shop.read('count') !== '')
    child.kill('SIGKILL')
    await shop.killPacker()
    await ended
    assert.equal(readdirSync(shop.tmp).length, 1)
    assert.equal((await shop.run('builds', 'prune')).status, 0)
    assert.deepEqual(readdirSync(shop.tmp), [])
  })

  it('are gone when its lock was broken, and when Holdfast was killed while Packer read the template', async () => {
    const shop = shopWithTmp()
    shop.writeSteps(['echo one >>count', 'sleep 60'])
    const ended = finish(shop.start('build', 'steps.pkr.hcl'))
    await until(() => shop.read('count') !== '')
    const [lock] = JSON.parse((await shop.run('lock', 'list', '--json')).out) as { name: string; id: string }[]
    await shop.run('lock', 'force-unlock', lock?.name ?? '', lock?.id ?? '')
    assert.equal((await ended).status, 75)
    assert.deepEqual(readdirSync(shop.tmp), [])

    for (let round = 0; round < 3; round += 1) {
      const child = shop.start('build', '--force', 'steps.pkr.hcl')
      await until(() => readdirSync(shop.tmp).some((name) => name.startsWith('holdfast-ask')))
      const asked = finish(child)
      child.kill('SIGKILL')
      await asked
    }
    shop.writeSteps(['true'])
    assert.equal((await shop.build('steps.pkr.hcl')).status, 0)
    assert.deepEqual(readdirSync(shop.tmp), [])
  })

  for (const victim of ['packer', 'packer and holdfast'] as const) {
    it(`are gone when ${victim} died while Packer looked at the template`, async () => {
      const shop = shopWithTmp()
      shop.writeSteps(['echo one >>count'])
      const kill = victim === 'packer' ? 'kill -9 $$' : 'kill -9 $PPID $$'
      const wrapper = shop.write(
        'wrapper',
        `#!/bin/sh\n[ "$1" != version ] && [ ! -e go ] && touch "$TMPDIR/packer-log1" && ${kill}\nexec packer "$@"\n`,
      )
      chmodSync(wrapper, 0o755)
      shop.env = { ...shop.env, HOLDFAST_PACKER: wrapper }
      const killed = await shop.build('steps.pkr.hcl')
      assert.notEqual(killed.status, 0)
      assert.equal(readdirSync(shop.tmp).length, victim === 'packer' ? 0 : 1)
      shop.write('go', '')
      assert.equal((await shop.build('steps.pkr.hcl')).status, 0)
      assert.deepEqual(readdirSync(shop.tmp), [])
    })
  }

  it('stay as long as the machine of a failed build does', async () => {
    const shop = shopWithTmp()
    shop.writeSteps(['sleep 300 >/dev/null 2>&1 </dev/null & echo started'], ['false'])
    assert.equal((await shop.build('--keep-on-failure', 'steps.pkr.hcl')).status, 1)
    assert.equal(readdirSync(shop.tmp).length, 1)
    assert.equal((await shop.run('builds', 'prune')).status, 0)
    assert.deepEqual(readdirSync(shop.tmp), [])
  })
})

describe('TMPDIR', () => {
  const BUILD = `variable "tmp" { default = env("TMPDIR") }
variable "given" { default = ["B=c"] }
source "null" "a" { communicator = "none" }
build {
  sources = ["null.a"]
  provisioner "shell-local" { inline = ["echo 1 $TMPDIR \${var.tmp} >>count; touch $TMPDIR/left"] }
  provisioner "shell-local" {
    environment_vars = ["A=b"]
    inline = ["echo 2 $TMPDIR $A >>count; test -e go"]
  }
  provisioner "shell-local" {
    environment_vars = setunion(var.given, var.given)
    inline = ["echo 3 $B >>count"]
  }
  provisioner "shell-local" {
    environment_vars = concat(var.given)
    inline = ["echo 4 $TMPDIR $B >>count"]
  }
  provisioner "shell-local" {
    environment_vars = ["TMPDIR=/mine"]
    inline = ["echo 5 $TMPDIR >>count"]
  }
  post-processor "shell-local" { inline = ["echo 6 $TMPDIR >>count; cat $TMPDIR/left"] }
}
`

  it('is the user’s own in what the user wrote, across a resume too', async () => {
    const shop = shopWithTmp()
    shop.write('t.pkr.hcl', BUILD)
    assert.equal((await shop.build('t.pkr.hcl')).status, 1)
    shop.write('go', '')
    const { status, out } = await shop.build('t.pkr.hcl')
    assert.equal(status, 0, out)
    const { tmp } = shop
    const lines = [`1 ${tmp} ${tmp}`, `2 ${tmp} b`, `2 ${tmp} b`, '3 c', `4 ${tmp} c`, '5 /mine', `6 ${tmp}`]
    assert.deepEqual(shop.read('count').trim().split('\n'), lines)
    assert.deepEqual(readdirSync(tmp), ['left'])
  })

  it('is also the user’s own in a JSON template, and empty where it is not set', async () => {
    const shop = shopWithTmp()
    const step = { type: 'shell-local', inline: ['echo "[$TMPDIR] [{{user `tmp`}}] $A" >>count'] }
    const template = {
      variables: { tmp: '{{env `TMPDIR`}}' },
      builders: [{ type: 'null', communicator: 'none' }],
      provisioners: [step, { ...step, environment_vars: ['A=b'] }],
      'post-processors': [step],
    }
    shop.write('t.json', JSON.stringify(template))
    const { status, out } = await shop.build('t.json')
    assert.equal(status, 0, out)
    const { tmp } = shop
    assert.equal(shop.read('count'), `[${tmp}] [${tmp}] \n[${tmp}] [${tmp}] b\n[${tmp}] [${tmp}] \n`)
    shop.env = { TMPDIR: undefined }
    assert.equal((await shop.build('--force', 't.json')).status, 0)
    assert.match(shop.read('count'), /\n\[\] \[\] \n\[\] \[\] b\n\[\] \[\] \n$/)
  })

  it('may be too deep for a socket, or missing', async () => {
    const shop = shopWithTmp()
    const deep = join(shop.folder, 'd'.repeat(60))
    mkdirSync(deep)
    shop.env = { TMPDIR: deep }
    shop.writeSteps(['echo $TMPDIR >>count'])
    const { status, out } = await shop.build('steps.pkr.hcl')
    assert.equal(status, 0, out)
    assert.equal(shop.read('count'), `${deep}\n`)
    shop.env = { TMPDIR: join(shop.folder, 'nowhere') }
    const missing = await shop.build('--force', 'steps.pkr.hcl')
    assert.equal(missing.status, 69)
    assert.match(missing.err, /the folder for temporary files, .*nowhere, does not exist/)
  })
})
