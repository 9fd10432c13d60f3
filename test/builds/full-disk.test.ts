/** The data folder's disk fills up while Packer prints. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { withSmallDisk } from '../helpers/small-disk.ts'
import { Workshop } from './support/workshop.ts'

const FLOOD = 'if [ -e small ]; then echo small; else yes "$(printf %02000d 1)" | head -c 4000000; fi'

describe('a disk that fills up', () => {
  for (const [name, secret] of [
    ['while Packer prints', ''],
    ['while secrets are hidden', 'variable "s" {\n  default = "a-secret"\n  sensitive = true\n}\n'],
  ] as const) {
    it(`${name} ends Packer, frees the lock, and the next build goes on`, async (t) => {
      await withSmallDisk(t, 'size=2m', async (data) => {
        const shop = new Workshop()
        const source = 'source "null" "a" { communicator = "none" }\n'
        const step = (line: string) => `  provisioner "shell-local" {\n    inline = [${JSON.stringify(line)}]\n  }\n`
        const steps = step('echo once >>once') + step(FLOOD)
        shop.write('full.pkr.hcl', `${secret}${source}build {\n  sources = ["source.null.a"]\n${steps}}\n`)
        const full = await shop.build('--data', data, 'full.pkr.hcl')
        assert.equal(full.status, 75, full.err)
        assert.match(full.err, /full\/null\.a was ended, because the disk of its data folder was full\nFree some space/)
        assert.equal((await shop.run('lock', 'list', '--data', data)).out, 'No lock is held.\n')
        shop.write('small', '')
        const runs = join(data, 'builds', 'default')
        for (const id of readdirSync(runs)) rmSync(join(runs, id, 'full=2Fnull.a', 'packer.log'))
        const next = await shop.build('--data', data, 'full.pkr.hcl')
        assert.equal(next.status, 0, next.err)
        assert.match(next.out, /it goes on with step 2 of 2/)
        assert.equal(shop.read('once'), 'once\n')
      })
    })
  }
})
