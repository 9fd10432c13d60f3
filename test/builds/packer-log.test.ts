import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseStepEvent } from '../../src/builds/events.ts'
import { LineTail } from '../../src/builds/line-tail.ts'
import { PackerReport, parsePackerLine, textForPeople } from '../../src/builds/packer-log.ts'
import { hidingScript } from '../../src/builds/hiding.ts'
import { StepOutput } from '../../src/builds/step-output.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const folder = tempFolder('packer-log')

function line(text: string) {
  const parsed = parsePackerLine(text)
  assert.ok(parsed, text)
  return parsed
}

describe("packer's machine-readable lines", () => {
  it('are told from others, and their escapes are undone', () => {
    assert.deepEqual(parsePackerLine(String.raw`1795,null.a,ui,say,one%!(PACKER_COMMA) two\nthree`), {
      target: 'null.a',
      type: 'ui',
      data: ['say', 'one, two\nthree'],
    })
    for (const other of ['', 'panic: runtime error', 'a,b,c,d', '17,x']) assert.equal(parsePackerLine(other), null)
  })

  it('show people what their template says, and not our markers', () => {
    assert.equal(textForPeople(line('1,,ui,message,    null.a: hello')), '    null.a: hello')
    assert.equal(textForPeople(line('1,,ui,message,    null.a: holdfast: step 0 start')), null)
    assert.equal(textForPeople(line('1,,error-count,1')), null)
  })

  it('make a report: errors, artifacts, whether the end was reached', () => {
    const report = new PackerReport()
    report.add(line('1,,ui,error,Error: not what a script says on stderr'))
    report.add(line('1,,ui,error,==> null.a: Error: what a script says'))
    report.add(line('1,,ui,error,Warning: only a warning\\n\\n  on a.hcl line 1'))
    report.add(line('1,,ui,error,Warning: first a warning\\n\\nError: then an error\\n\\n  on a.hcl line 2'))
    assert.equal(report.isFinished, false)
    report.add(line('1,null.a,error,Script exited with non-zero exit status: 3.'))
    report.add(line('1,,error-count,1'))
    for (const part of ['builder-id,x.y', 'id,VM', 'files-count,2', 'file,0,/a%!(PACKER_COMMA)b', 'file,1,c', 'end']) {
      report.add(line(`1,null.a,artifact,0,${part}`))
    }
    assert.deepEqual(report.errors, [
      'Error: not what a script says on stderr',
      'Error: then an error\n\n  on a.hcl line 2',
      'Script exited with non-zero exit status: 3.',
    ])
    assert.deepEqual(report.artifacts, [{ builderId: 'x.y', id: 'VM', files: ['/a,b', 'c'] }])
    assert.equal(report.isFinished, true)
  })
})

describe("a step's output", () => {
  const say = (text: string) => line(`1,,ui,say,==> null.a: ${text}`)
  const print = (text: string) => line(`1,,ui,message,    null.a: ${text}`)

  it("lies between its markers, without Packer's lines about the markers", () => {
    const output = new StepOutput()
    const ends = [
      print('before'),
      print('holdfast: step 0 start'),
      say('Running local shell script: /tmp/packer-shell1'),
      print('one'),
      line('1,,ui,error,==> null.a: two'),
      line('1,,ui,say,Build finished'),
      say('Running local shell script: /tmp/packer-shell2'),
      print('holdfast: step 0 end'),
      print('holdfast: step 1 start'),
      print('three'),
    ].map((given) => output.add(given))
    assert.deepEqual(ends.filter(Boolean), [{ step: 0, output: 'one\ntwo' }])
    assert.deepEqual(output.end(), { step: 1, output: 'three' })
    assert.equal(output.end(), null)
  })

  it('is kept to its last 4 kB, with no half of a character', () => {
    const output = new StepOutput()
    output.add(print('holdfast: step 0 start'))
    for (let index = 0; index < 5000; index++) output.add(print(`${index} üüüüüü`))
    const kept = output.end()?.output ?? ''
    assert.ok(Buffer.byteLength(kept) <= 4096 && Buffer.byteLength(kept) > 4000)
    assert.ok(kept.endsWith('4999 üüüüüü'))
    assert.doesNotMatch(kept, /\uFFFD/)
  })
})

describe('a file that grows', () => {
  it('gives each line once, when it is whole', () => {
    const path = join(folder, 'grows')
    const tail = new LineTail(path)
    assert.deepEqual([...tail.lines()], [])
    writeFileSync(path, 'one\ntw')
    assert.deepEqual([...tail.lines()], ['one'])
    appendFileSync(path, 'o\n\nü')
    assert.deepEqual([...tail.lines()], ['two', ''])
    appendFileSync(path, `${'x'.repeat(600_000)}\n`)
    assert.deepEqual([...tail.lines()], [`ü${'x'.repeat(600_000)}`])
  })

  it('may have lines without an end, of which the middle is left out, and is read in portions', () => {
    const path = join(folder, 'long')
    const tail = new LineTail(path)
    const file = openSync(path, 'w')
    writeSync(file, 'begin ')
    for (let count = 0; count < 40; count += 1) writeSync(file, Buffer.alloc(1024 * 1024, 'x'))
    writeSync(file, ' end\nnext\n')
    closeSync(file)
    const lines: string[] = []
    let portions = 0
    do {
      lines.push(...tail.lines(1024 * 1024))
      portions += 1
    } while (!tail.isAtEnd)
    assert.ok(portions >= 40)
    assert.deepEqual([lines.length, lines[1]], [2, 'next'])
    assert.ok((lines[0] ?? '').length < 2 * 1024 * 1024)
    assert.match(lines[0] ?? '', /^begin x+ \[\.\.\.\] x+ end$/)
  })
})

describe('events', () => {
  it('do not count when a kill cut them short', () => {
    const event = { event: 'start', step: 2, at: '2026-11-22T00:00:00.000Z' }
    assert.deepEqual(parseStepEvent(JSON.stringify(event)), event)
    for (const broken of ['', '{"event":"start","st', '{"event":"start","step":-1,"at":""}', 'null']) {
      assert.equal(parseStepEvent(broken), null)
    }
  })
})

describe('secrets', () => {
  const hide = (secrets: string[], input: string) => {
    writeFileSync(join(folder, 'hide'), hidingScript(secrets))
    return spawnSync('sed', ['-u', '-E', '-f', join(folder, 'hide')], { input, encoding: 'utf8' }).stdout
  }

  it('are hidden whatever characters they have, and nothing else is', () => {
    const odd = String.raw`a/b.c*[d]^$e\f&g,h"'`
    const written = odd.replaceAll(',', '%!(PACKER_COMMA)')
    assert.equal(
      hide([odd], `1,,ui,say,x ${written} y\nno line ${odd.replace(',', '')}\n`).split('\n')[0],
      '1,,ui,say,x <sensitive> y',
    )
    assert.equal(hide([odd], 'a/bbc*[d]^$e\n'), 'a/bbc*[d]^$e\n')
    assert.equal(hide(['s3cret'], 'panic: s3cret\n'), 'panic: <sensitive>\n')
  })

  it('leave text for programs unchanged', () => {
    const lines = [
      '1784,vbox,artifact,0,file,0,/out-vbox/vbox.img',
      '1784,,error-count,1784',
      '1784,,ui,message,    null.a: holdfast: step 1784 start',
      String.raw`1784,,ui,say,\n==> Builds finished but no artifacts were created.`,
      '',
    ].join('\n')
    assert.equal(hide(['vbox', '1784', 'step', 'finished'], lines), lines)
    assert.equal(
      hide(['1784', 'message'], '1784,vbox,ui,message,1784 message\n'),
      '1784,vbox,ui,message,<sensitive> <sensitive>\n',
    )
    assert.equal(hide(['vbox'], '1784,a,artifact,0,string,in vbox\n'), '1784,a,artifact,0,string,in <sensitive>\n')
  })
})
