import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { visibleName, visibleNote } from '../../src/web/visible-text.ts'

describe('a name that another person chose', () => {
  it('shows control, invisible and direction characters', () => {
    const cases = {
      'inv\u202efdp.exe': 'inv[U+202E]fdp.exe',
      '\u2066a\u2069': '[U+2066]a[U+2069]',
      'a\u200e\u200f\u061cb': 'a[U+200E][U+200F][U+061C]b',
      'a\u200bb\u00adc\ufeffd': 'a[U+200B]b[U+00AD]c[U+FEFF]d',
      'a\nb\tc\u0000\u007f\u009b': 'a[U+000A]b[U+0009]c[U+0000][U+007F][U+009B]',
      'a\u2028b\u2029': 'a[U+2028]b[U+2029]',
      'a\u3164b\u2800': 'a[U+3164]b[U+2800]',
      'a\u{e0041}': 'a[U+E0041]',
      'pay\u200dpal \u0430\u200d\u0431': 'pay[U+200D]pal \u0430[U+200D]\u0431',
      '\ud800': '[U+D800]',
    }
    for (const [name, shown] of Object.entries(cases)) assert.equal(visibleName(name), shown)
  })

  it('keeps the characters that letters and pictures need', () => {
    const names = [
      'Grüße naïve.txt',
      'Grüße.txt'.normalize('NFD'),
      '写真 メモ.png',
      'می\u200cخواهم.pdf',
      'क्\u200dष.txt',
      '👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f⃣ 👍🏽 🇩🇪.jpg',
      '葛\u{e0100}城.txt',
      'עברית.exe',
      'Screenshot at 3.04\u202fPM.png',
      'a  b\u00a0c.txt',
    ]
    for (const name of names) assert.equal(visibleName(name), name)
  })
})

describe('a note', () => {
  it('keeps its lines', () => {
    assert.equal(visibleNote('one\r\ntwo\n\tthree\u202e'), 'one\r\ntwo\n\tthree[U+202E]')
  })
})
