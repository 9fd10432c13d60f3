/** The command that goes on with a build, run by a real shell. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { metadataOf } from '../../src/builds/index.ts'
import { goOnCommand, type Invocation } from '../../src/builds/invocation.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { Workshop } from './support/workshop.ts'
import { MAIN } from '../helpers/holdfast-main.ts'

const folder = tempFolder('invocation')

const HARD = `it's "hard": $HOME \`id\` \\ * ; é`

/** What a shell hands to `holdfast`, and where; null when it refuses to run the command. */
function wordsOf(command: string, env: Record<string, string> = {}): { cwd: string; words: string[] } | null {
  const script = `holdfast() { pwd; printf '%s\\0' "$@"; }; ${command}`
  const { status, stdout } = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...env },
  })
  if (status !== 0) return null
  const [cwd = '', rest = ''] = stdout.split(/\n([^]*)/)
  return { cwd, words: rest.split('\0').slice(0, -1) }
}

function invocation(more: Partial<Invocation> = {}): Invocation {
  return { cwd: folder, dataFolder: '/srv/data', vars: [], varFiles: [], except: [], ...more }
}

describe('the command that goes on with a build', () => {
  const target = { template: `/images/${HARD}.pkr.hcl`, state: 'default', source: 'null.a' }

  it('has every option of the build, whatever characters are in them', () => {
    const cwd = join(folder, HARD.replaceAll('/', '_'))
    mkdirSync(cwd)
    const given = invocation({
      cwd,
      dataFolder: `/data/${HARD}`,
      vars: [
        { name: 'text', value: HARD },
        { name: 'empty', value: '' },
        { name: 'lines', value: 'a\nb' },
      ],
      varFiles: ['common.pkrvars.hcl', `${HARD}.json`],
      except: ['a', 'b c'],
    })
    const ran = wordsOf(goOnCommand({ ...target, state: 'prod' }, given))
    assert.equal(ran?.cwd, cwd)
    const options = ['--data', `/data/${HARD}`, '--state', 'prod']
    const vars = ['-var', `text=${HARD}`, '-var', 'empty=', '-var', 'lines=a\nb']
    const files = ['-var-file', 'common.pkrvars.hcl', '-var-file', `${HARD}.json`]
    const chosen = ['-except', 'a,b c', '-only', 'null.a', target.template]
    assert.deepEqual(ran?.words, ['build', ...options, ...vars, ...files, ...chosen])
  })

  it('does not run before each sensitive value is set', () => {
    const command = goOnCommand(target, invocation({ vars: [{ name: 'api-token', value: null }] }))
    assert.equal(wordsOf(command), null)
    assert.equal(wordsOf(command, { api_token: '' }), null)
    assert.deepEqual(wordsOf(command, { api_token: HARD })?.words.slice(3, 5), ['-var', `api-token=${HARD}`])
  })

  it('has only the source and template of a record without options', () => {
    assert.equal(goOnCommand({ ...target, template: '/a.pkr.hcl' }, null), 'holdfast build -only null.a /a.pkr.hcl')
  })

  it('resumes where the build stopped, in another folder and without our environment', async () => {
    const shop = new Workshop("it's here")
    shop.write('common.pkrvars.hcl', 'text = "from the file"\n')
    shop.write(
      'steps.pkr.hcl',
      `variable "text" {}
       variable "plain" {}
       variable "pw" { sensitive = true }
       source "null" "a" { communicator = "none" }
       source "null" "b" { communicator = "none" }
       build {
         sources = ["source.null.a", "source.null.b"]
         provisioner "shell-local" { inline = ["echo one >>said"] }
         provisioner "shell-local" { inline = ["test -e go", "echo \${var.plain} \${var.text} \${sha1(var.pw)} >>said"] }
       }`,
    )
    const given = ['-var', 'plain=two words', '-var', 'pw=Secret-7', '-var-file=common.pkrvars.hcl', '-only=null.a']
    const failed = await shop.build('--retries', '0', ...given, 'steps.pkr.hcl')
    assert.equal(failed.status, 1, failed.err)
    const build = await shop.record('steps/null.a')
    assert.ok(build)
    const metadata = metadataOf(build)
    assert.ok(metadata?.invocation)
    assert.ok(!JSON.stringify(metadata).includes('Secret-7'))
    const command = goOnCommand(
      { template: metadata.template, state: 'default', source: build.source },
      metadata.invocation,
    )
    writeFileSync(join(shop.folder, 'go'), '')
    const script = `holdfast() { '${process.execPath}' '${MAIN}' "$@"; }; ${command}`
    const env = { PATH: process.env['PATH'] ?? '', HOME: shop.folder, pw: 'Secret-7' }
    const again = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: '/', env })
    assert.equal(again.status, 0, again.stderr)
    assert.match(again.stdout, /goes on with step 2 of 2/)
    assert.match(shop.read('said'), /^one\ntwo words from the file [0-9a-f]{40}\n$/)
    assert.equal(await shop.record('steps/null.b'), null)
  })
})
