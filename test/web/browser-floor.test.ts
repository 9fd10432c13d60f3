/** The built page has nothing that the oldest browsers lack which vite.config.js names. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'

const read = (pattern: string) => globSync(pattern).map((path) => readFileSync(path, 'utf8'))
const scripts = read('dist/web/assets/*.js')
const styles = read('dist/web/assets/*.css')

/** Newer than Safari 15.4, Firefox 102 or Chrome 100. */
const NEWER_SCRIPT = [
  /\.(toSorted|toReversed|toSpliced|findLast|findLastIndex|isWellFormed|toWellFormed)\b/,
  /\b(groupBy|fromAsync|withResolvers|canParse|showPopover|startViewTransition|requestIdleCallback)\b/,
  /\bAbortSignal\.(any|timeout)\b/,
  /\bResponse\.json\b/,
  /\b(isSubsetOf|isSupersetOf|isDisjointFrom|symmetricDifference)\b/,
  /\(\?<[=!]/,
  /\bSymbol\.(dispose|asyncDispose)\b/,
  /\bnavigator\.(userAgentData|userActivation)\b/,
  /\/[dgimsuy]*v[dgimsuy]*\.(test|exec)\(/,
]
const NEWER_STYLE = [
  /:has\(/,
  /color-mix\(/,
  /light-dark\(/,
  /oklch\(|oklab\(|\blab\(|\blch\(/,
  /@container|@scope|@property|@starting-style|@layer/,
  /[{;]\s*&/,
  /\bsubgrid\b/,
  /:(user-valid|user-invalid|popover-open)\b/,
  /@media[^{]*[<>]=?/,
  /\b(anchor-name|field-sizing|interpolate-size)\b/,
]

describe('the built page', { skip: scripts.length === 0 && 'the page is not built' }, () => {
  for (const pattern of NEWER_SCRIPT) {
    it(`has no script like ${pattern.source}`, () => {
      for (const text of scripts) assert.doesNotMatch(text, pattern)
    })
  }
  for (const pattern of NEWER_STYLE) {
    it(`has no style like ${pattern.source}`, () => {
      for (const text of styles) assert.doesNotMatch(text, pattern)
    })
  }

  it('has lengths in dvh only after the same in vh', () => {
    for (const text of styles) {
      for (const found of text.matchAll(/([\w-]+):([^;{}]*dvh[^;{}]*)/g)) {
        const [whole, property, value = ''] = found
        const before = text.slice(text.lastIndexOf('{', found.index), found.index)
        assert.ok(before.includes(`${property}:${value.replace('dvh', 'vh')};`), whole)
      }
    }
  })

  it('tells its reader of the same browsers as its configuration', () => {
    const [, listed = ''] = /OLDEST_BROWSERS = \[(.*)\]/.exec(readFileSync('vite.config.js', 'utf8')) ?? []
    const versions = [...listed.matchAll(/'(\w)(\w*?)([\d.]+)'/g)].map(
      ([, a = '', b, c]) => `${a.toUpperCase()}${b} ${c}`,
    )
    assert.equal(versions.length, 3)
    for (const version of versions) assert.ok(readFileSync('src/web/index.html', 'utf8').includes(version), version)
  })
})
