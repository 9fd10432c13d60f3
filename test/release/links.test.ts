/** What people read first: its links lead somewhere, and all name one repository. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, it } from 'node:test'

const ROOT = resolve(import.meta.dirname, '../..')
const PAGES = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', '.github/**/*.{md,yml}', 'packaging/*'], {
  cwd: ROOT,
})
const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { repository: { url: string } }
const HOME = repository.url.replace(/^git\+|\.git$/g, '')

describe('the pages', () => {
  it('link to files and headings that are there', () => {
    const dead = PAGES.flatMap((page) =>
      linksOf(page)
        .filter((link) => !leadsSomewhere(page, link))
        .map((link) => `${page}: ${link}`),
    )
    assert.deepEqual(dead, [])
  })

  it('name the repository of package.json', () => {
    const mentions = PAGES.flatMap((page) => text(page).match(/https:\/\/github\.com\/holdfast[\w/-]*/g) ?? [])
    assert.ok(mentions.length > 0)
    for (const mention of mentions) assert.ok(`${mention}/`.startsWith(`${HOME}/`), mention)
  })
})

/** Relative ones. */
function linksOf(page: string): string[] {
  return page.endsWith('.md')
    ? [...text(page).matchAll(/\]\((?<link>[^)\s]+)\)/g)].flatMap(({ groups }) => {
        const link = groups?.['link'] ?? ''
        return /^[a-z]+:/.test(link) ? [] : [link]
      })
    : []
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading = ''] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(ROOT, target))) return false
  return heading === '' || anchorsOf(target).includes(heading)
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = [...text(page).matchAll(/^#+ (?<words>.+)$/gm)].map(({ groups }) => groups?.['words'] ?? '')
  return headings.map((words) =>
    words
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function text(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}
