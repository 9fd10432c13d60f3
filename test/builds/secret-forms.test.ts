/** Notations in which Packer, shells and template functions write a secret: each is hidden by the script for sed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { hidingScript, withoutSecrets } from '../../src/builds/hiding.ts'
import type { HoldfastError } from '../../src/base/index.ts'
import { BuildError } from '../../src/builds/errors.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const folder = tempFolder('secret-forms')
const SECRET = 'p<a&s>\'s"w,$rd {1}\\%'
const MULTILINE = ' first line of it \r\nsecond, line\r\rthird "line"\n'

/** What becomes of these lines of Packer's. */
function hide(secrets: readonly string[], ...lines: readonly string[]): string[] {
  const script = join(folder, 'script')
  writeFileSync(script, hidingScript(secrets))
  const input = lines.map((line) => `${line}\n`).join('')
  const { stdout } = spawnSync('sed', ['-u', '-E', '-f', script], { input, encoding: 'utf8' })
  return stdout.split('\n').slice(0, -1)
}

/** As Packer puts a text into a field of its machine-readable output. */
function field(text: string): string {
  return text.replaceAll(',', '%!(PACKER_COMMA)').replaceAll('\r', '\\r').replaceAll('\n', '\\n')
}

const base64 = (text: string, encoding: BufferEncoding = 'utf8') => Buffer.from(text, encoding).toString('base64')

describe('a secret is hidden', () => {
  const notations: readonly [string, string][] = [
    ['as it is', SECRET],
    ['in the JSON of jsonencode', String.raw`p\u003ca\u0026s\u003e's\"w,$rd {1}\\%`],
    ['in other JSON', String.raw`p<a&s>'s\"w,$rd {1}\\%`],
    ['in JSON within JSON', String.raw`p<a&s>'s\\\"w,$rd {1}\\\\%`],
    ['in single quotes of a shell', String.raw`'p<a&s>'\''s"w,$rd {1}\%'`],
    ['in single quotes as Packer writes them', `'p<a&s>'"'"'s"w,$rd {1}\\%'`],
    ['in double quotes of a shell', String.raw`"p<a&s>'s\"w,\$rd {1}\\%"`],
    ['in PowerShell', '"p<a&s>`\'s`"w,`$rd {1}\\%"'],
    ['in YAML', `'p<a&s>''s"w,$rd {1}\\%'`],
    ['in XML', 'p&lt;a&amp;s&gt;&apos;s&quot;w,$rd {1}\\%'],
    ["in Go's HTML", 'p&lt;a&amp;s&gt;&#39;s&#34;w,$rd {1}\\%'],
    ['in a URL', encodeURIComponent(SECRET)],
    ['in a query', new URLSearchParams({ a: SECRET }).toString()],
    [
      'in a query with small digits',
      new URLSearchParams({ a: SECRET }).toString().replaceAll(/%../g, (hex) => hex.toLowerCase()),
    ],
    ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['in Base64', base64(SECRET)],
    ['in Base64 for URLs', Buffer.from(`??>>${SECRET}`).toString('base64url')],
    ['in Base64 of UTF-16', base64(`$p = "${SECRET}"`, 'utf16le')],
    ['in Base64 of JSON', base64(JSON.stringify({ a: SECRET.replaceAll(/[<>&"\\]/g, 'x'), b: SECRET }))],
  ]
  for (const [name, text] of notations) {
    it(name, () => {
      const lines = hide([SECRET], `1,,ui,say,==> null.a: ${field(text)} end`, `2026/11/27 [INFO] ${text} end`)
      for (const line of lines) assert.match(line, /<sensitive>.* end$/)
      assert.doesNotMatch(lines.join('\n'), /s>|u0026|&amp;s|%3C|3c61|PGEm/)
    })
  }

  it('in Base64 behind any number of bytes', () => {
    for (const before of ['', 'x', 'xx', 'xxx', '#cloud-config\npassword: ']) {
      const [line = ''] = hide(['hunter22'], `1,,ui,say,[${base64(`${before}hunter22\n`)}]`)
      const [left = '', right = ''] = line.slice('1,,ui,say,['.length).split('<sensitive>')
      // Digits of other bytes alone.
      assert.ok(base64(before).startsWith(left), line)
      assert.match(right, /^[CKgo]*=*\]$/, line)
    }
  })

  it('in Base64 that is broken into lines', () => {
    const secret = Array.from({ length: 40 }, (_, index) => `part ${index}`).join()
    const encoded = base64(secret).match(/.{1,76}/g) ?? []
    assert.deepEqual(new Set(hide([secret], ...encoded)), new Set(['<sensitive>']))
  })

  it('line by line, as Packer trims them, and in one field', () => {
    assert.deepEqual(
      hide(
        [MULTILINE],
        '1,,ui,message,    a: first line of it',
        '1,,ui,message,    a: second%!(PACKER_COMMA) line',
        '1,,ui,message,    a: third "line"',
        `1,,ui,message,    a: [${field(MULTILINE)}]`,
        `1,,ui,message,    a: [${field(JSON.stringify(MULTILINE))}]`,
      ),
      [
        '1,,ui,message,    a: <sensitive>',
        '1,,ui,message,    a: <sensitive>',
        '1,,ui,message,    a: <sensitive>',
        '1,,ui,message,    a: [<sensitive>]',
        '1,,ui,message,    a: ["<sensitive>"]',
      ],
    )
  })

  it('with its escapes in HCL and Go', () => {
    assert.deepEqual(hide(['a${b}%{c}', 'bell\u0007\u001bend'], 'a$${b}%%{c}', String.raw`"bell\a\x1bend"`), [
      '<sensitive>',
      '"<sensitive>"',
    ])
  })

  it('in messages of Holdfast', () => {
    const error = new BuildError('TEMPLATE_INVALID', 'the value "hunter22" is wrong', { hint: 'not hunter22' })
    const hidden = withoutSecrets(error, ['hunter22']) as HoldfastError
    assert.deepEqual(
      [hidden.code, hidden.message, hidden.hint],
      ['TEMPLATE_INVALID', 'the value "<sensitive>" is wrong', 'not <sensitive>'],
    )
  })
})
