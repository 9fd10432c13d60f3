/** Secrets with the real packer: they are shown and stored nowhere, or the build does not begin. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { findPacker } from '../../src/builds/packer.ts'
import { loadTemplate, secretsOf } from '../../src/builds/template/index.ts'
import { finish, until, Workshop, type Result } from './support/workshop.ts'

const SOURCE = 'source "null" "a" { communicator = "none" }\n'

function building(...inline: string[]): string {
  return `${SOURCE}build {\n  sources = ["source.null.a"]\n  provisioner "shell-local" {\n    inline = [\n${inline
    .map((line) => `      ${line},\n`)
    .join('')}    ]\n  }\n}\n`
}

const sensitive = (name: string, rest = '') => `variable "${name}" {\n  sensitive = true\n  ${rest}\n}\n`

/** All that Holdfast printed and keeps. */
function everything(shop: Workshop, { out, err }: Result): string {
  const files = existsSync(shop.data)
    ? readdirSync(shop.data, { recursive: true, encoding: 'utf8' }).map((name) => join(shop.data, name))
    : []
  const texts = files.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, 'latin1'))
  return [out, err, ...texts].join('\n')
}

async function isOlderThan(minor: number): Promise<boolean> {
  const { version } = await findPacker({ env: process.env })
  return Number(version.split('.')[1]) < minor
}

describe('secrets', () => {
  it('are hidden wherever they were given, and however the template transforms them', async () => {
    const shop = new Workshop()
    const folder = join(shop.folder, 'all')
    const template = [
      sensitive('flag', 'type = string'),
      sensitive('env', 'type = string'),
      sensitive('auto'),
      sensitive('db', 'default = { pass = "DbPassSEC8", port = 54321, none = "" }'),
      sensitive('big', 'default = 12345678901234567890'),
      sensitive('list', 'type = list(string)'),
      'locals {\n  loud = upper(var.flag)\n  json = jsonencode({ a = local.loud, b = var.flag })\n',
      '  data = base64encode("#cloud-config ${var.flag}")\n  hash = sha256(var.auto)\n}\n',
      building(
        `"echo 'flag=\${var.flag} env=\${var.env} auto=\${var.auto} db=\${var.db.pass} \${var.db.port} big=\${var.big}'"`,
        `"echo 'loud=\${local.loud} json=\${local.json} data=\${local.data} hash=\${local.hash}'"`,
        `"echo 'first=\${var.list[0]} reversed=\${join("+", reverse(var.list))}'"`,
        '"echo DONE >&2"',
      ),
    ]
    shop.write('auto.hcl', 'auto = "AutoSEC9&x"\n')
    shop.env = { PKR_VAR_env: 'EnvSEC3-x', PACKER_LOG: '1' }
    writeFileSync(shop.write('all.pkr.hcl', ''), template.join(''))
    const flags = ['-var', 'flag=Flag<SEC>1, x', '-var', 'list=["ListSEC5", "ListSEC6"]', '-var-file=auto.hcl']
    const result = await shop.build('--verbose', ...flags, 'all.pkr.hcl')
    assert.equal(result.status, 0, result.err)
    const text = everything(shop, result)
    assert.match(result.out, /DONE/)
    assert.match(
      result.out,
      /flag=<sensitive> env=<sensitive> auto=<sensitive> db=<sensitive> <sensitive> big=<sensitive>/,
    )
    assert.doesNotMatch(text, /SEC|54321|1234567890|u003cSEC|U0VDP|Q0xPVUQ|I2Nsb3Vk/)
    const hash = /hash=(\S*)/.exec(result.out)?.[1]
    assert.equal(hash, '<sensitive>')
    assert.equal(existsSync(folder), false)
    assert.deepEqual(readdirSync(join(shop.data, 'builds', '.given')), [])
  })

  it('are hidden in a JSON template too, with the results of its functions', async () => {
    const shop = new Workshop()
    shop.write(
      'old.json',
      JSON.stringify({
        variables: { a: '', b: '{{user `a` | upper}}', plain: 'visible' },
        'sensitive-variables': ['a'],
        builders: [{ type: 'null', communicator: 'none' }],
        provisioners: [
          { type: 'shell-local', inline: ['echo a={{user `a`}} b={{user `b`}} {{upper (user `a`)}} {{user `plain`}}'] },
        ],
      }),
    )
    const result = await shop.build('--verbose', '-var', 'a=old-secret', 'old.json')
    assert.equal(result.status, 0, result.err)
    assert.match(result.out, /a=<sensitive> b=<sensitive> <sensitive> visible/)
    assert.doesNotMatch(everything(shop, result), /old-secret|OLD-SECRET/)
  })

  it('given with -var win over files, and appear in no command line', async () => {
    const shop = new Workshop()
    shop.write(
      'pw.pkr.hcl',
      sensitive('pw') + building('"echo ${sha256(var.pw)} >>said"', '"while [ ! -e go ]; do sleep 0.05; done"'),
    )
    shop.write('pw.pkrvars.hcl', 'pw = "from the file"\n')
    const child = shop.start('build', '-var-file=pw.pkrvars.hcl', '-var', 'pw=from-the-flag', 'pw.pkr.hcl')
    const ended = finish(child)
    await until(() => shop.read('said') !== '')
    const lines = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(commandLine)
    shop.write('go', '')
    assert.equal((await ended).status, 0)
    assert.deepEqual(
      lines.filter((line) => line.includes('from-the-flag')),
      [],
    )
    // sha256 of "from-the-flag".
    assert.equal(shop.read('said').trim().length, 64)
    const again = await shop.build('-var-file=pw.pkrvars.hcl', '-var', 'pw=from-the-flag', 'pw.pkr.hcl')
    assert.equal(again.out, 'pw/null.a: up to date\n')
    assert.match((await shop.build('-var-file=pw.pkrvars.hcl', 'pw.pkr.hcl')).out, /complete/)
    const [first, second] = shop.read('said').trim().split('\n')
    assert.notEqual(first, second)
  })

  it('are hidden in errors where Packer quotes them', async () => {
    const shop = new Workshop()
    shop.write('list.pkr.hcl', sensitive('l', 'type = list(string)') + building('"echo ${join("", var.l)}"'))
    const result = await shop.build('-var', 'l=not-a-list-SEC', 'list.pkr.hcl')
    assert.equal(result.status, 65)
    assert.doesNotMatch(result.err, /not-a-list-SEC/)
  })
})

describe('a build does not begin', () => {
  const faults: readonly [string, string, RegExp][] = [
    ['one character', 'default = "7"', /var\.s has fewer than 4 characters/],
    ['three characters', 'default = "abc"', /var\.s has fewer than 4 characters/],
    ['a small number', 'default = 22', /var\.s has fewer than 4 characters/],
    ['a truth value', 'default = true', /var\.s is true or false/],
    [
      'a short value deep inside',
      'default = { pass = "long enough", port = [22] }',
      /var\.s\.port\[0\] has fewer than 4/,
    ],
  ]
  for (const [name, value, message] of faults) {
    it(`with a secret of ${name}, which cannot be hidden`, async () => {
      const shop = new Workshop()
      const other = sensitive('db', 'default = { pass = "DbPassSEC7", port = 5432 }')
      shop.write('a.pkr.hcl', `${sensitive('s', value)}${other}${building('"touch ran"', '"echo ${var.db.pass}"')}`)
      const result = await shop.build('--verbose', 'a.pkr.hcl')
      assert.equal(result.status, 65)
      assert.match(result.err, message)
      assert.match(result.err, /at least 4 characters/)
      assert.doesNotMatch(everything(shop, result), /DbPassSEC7/)
      assert.equal(existsSync(join(shop.folder, 'ran')), false)
    })
  }

  it('when only the run could tell how a secret is transformed', async () => {
    const shop = new Workshop()
    const secret = sensitive('pw', 'default = "long enough"')
    shop.write('a.pkr.hcl', secret + building('"echo ${upper("${build.ID}${var.pw}")}"'))
    const result = await shop.build('a.pkr.hcl')
    assert.equal(result.status, 65)
    assert.match(result.err, /upper\("\$\{build\.ID\}\$\{var\.pw\}"\) is computed from a secret and cannot be read/)
    shop.write('a.pkr.hcl', secret + building('"echo ${join("-", [build.ID, var.pw])}"'))
    const next = await shop.build('--verbose', 'a.pkr.hcl')
    assert.equal(next.status, 0, next.err)
    assert.doesNotMatch(everything(shop, next), /long enough/)
  })

  it('with a value of another type, which is not quoted', async () => {
    const shop = new Workshop()
    shop.write('a.pkr.hcl', sensitive('l', 'type = list(string)') + building('"echo ${var.l[0]}"'))
    const result = await shop.build('-var', 'l=["secret-of-a-list', 'a.pkr.hcl')
    assert.equal(result.status, 65)
    assert.match(result.err, /The value given for the sensitive variable "l" is not a value of its type/)
    assert.doesNotMatch(everything(shop, result), /secret-of/)
  })

  it('unless the secret is empty and hides nothing', async () => {
    const shop = new Workshop()
    shop.write(
      'a.pkr.hcl',
      sensitive('e', 'default = ""') + sensitive('n', 'default = null') + building('"echo ${var.e}"'),
    )
    assert.equal((await shop.build('a.pkr.hcl')).status, 0)
  })

  it('when only the run could tell the secret', async (t) => {
    if (await isOlderThan(7)) return t.skip('this Packer knows no data sources')
    const shop = new Workshop()
    const data = 'data "null" "d" {\n  input = "late-secret"\n}\n'
    const local = 'local "late" {\n  expression = data.null.d.output\n  sensitive = true\n}\n'
    shop.write('a.pkr.hcl', data + local + building('"echo ${local.late}"'))
    const result = await shop.build('--verbose', 'a.pkr.hcl')
    assert.doesNotMatch(everything(shop, result), /late-secret/)
    if (result.status === 65) assert.match(result.err, /local\.late cannot be read/)
    else assert.match(result.out, /<sensitive>/)
  })
})

describe('sensitive locals', () => {
  const LOCAL = 'local "tok" {\n  expression = "LocTok-${upper("sec")}-XYZ"\n  sensitive = true\n}\n'

  it('are told from the template', async () => {
    const shop = new Workshop()
    const path = shop.write(
      'a.pkr.hcl',
      `${LOCAL}locals {\n  pair = [lower(local.tok), "x"]\n}\n${building('"echo ${local.pair[0]}"')}`,
    )
    assert.deepEqual(secretsOf(await loadTemplate(path)), {
      marked: [{ name: 'local.tok', expression: 'local.tok' }],
      derived: [{ text: 'lower(local.tok)', expression: 'lower(local.tok)', isOpaque: true }],
    })
  })

  it('are hidden', async (t) => {
    if (await isOlderThan(7)) return t.skip('this Packer knows no blocks of single locals')
    const shop = new Workshop()
    shop.write('a.pkr.hcl', `${LOCAL}${building('"echo tok=${local.tok} ${lower(local.tok)}"')}`)
    const result = await shop.build('--verbose', 'a.pkr.hcl')
    assert.equal(result.status, 0, result.err)
    assert.match(result.out, /tok=<sensitive> <sensitive>/)
    assert.doesNotMatch(everything(shop, result), /LocTok-SEC|loctok-sec/)
  })
})

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
