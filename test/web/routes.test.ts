import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pageCount, readView, sortedBy, viewHref } from '../../src/web/pages/files-query.ts'
import { matchRoute, safeNext } from '../../src/web/routes.ts'

describe('paths', () => {
  it("are PicoShare's", () => {
    const cases = {
      '/': 'home',
      '/login': 'login',
      '/g/abc': 'guest-upload',
      '/files': 'files',
      '/files/': 'files',
      '/files/x/info': 'file-info',
      '/files/x/edit': 'file-edit',
      '/files/x/downloads': 'file-downloads',
      '/files/x/confirm-delete': 'file-delete',
      '/builds': 'builds',
      '/builds/default/u%2Fnull.a': 'build',
      '/guest-links': 'guest-links',
      '/guest-links/new': 'guest-link-new',
      '/settings': 'settings',
      '/information': 'information',
    }
    for (const [path, page] of Object.entries(cases)) assert.equal(matchRoute(path)?.page, page, path)
  })

  it('carry an id', () => {
    assert.equal(matchRoute('/files/a%20b/info')?.id, 'a b')
    assert.equal(matchRoute('/files/50%/info')?.id, '50%')
    const build = matchRoute('/builds/prod/u%2Fnull.a')
    assert.deepEqual([build?.state, build?.id], ['prod', 'u/null.a'])
    assert.equal(matchRoute('/builds/prod/u/null.a'), null)
  })

  it('are not matched when no page has them', () => {
    for (const path of ['/nowhere', '/files/x', '/files//info', '/files/x/info/y', '/Files']) {
      assert.equal(matchRoute(path), null, path)
    }
  })

  it('are open to visitors only where they should be', () => {
    const open = ['/', '/login', '/g/x', '/files', '/settings'].filter((path) => matchRoute(path)?.isPublic)
    assert.deepEqual(open, ['/', '/login', '/g/x'])
  })

  it('stay on this site after the login', () => {
    assert.equal(safeNext('/files?search=x'), '/files?search=x')
    for (const next of [null, '', '//evil.example', '/\\evil.example', 'https://evil.example', '/login?next=/']) {
      assert.equal(safeNext(next), '/', String(next))
    }
  })
})

describe('the view of the file list', () => {
  it('is read back from its address', () => {
    const view = { search: 'a&b ü', sort: 'size', order: 'asc', page: 3 } as const
    assert.deepEqual(readView(new URL(viewHref(view), 'http://x').searchParams), view)
  })

  it('has a short address at the start, and ignores nonsense', () => {
    assert.equal(viewHref(readView(new URLSearchParams())), '/files')
    assert.equal(viewHref(readView(new URLSearchParams('sort=x&order=y&page=-1'))), '/files')
  })

  it('sorts by a column its natural way first, then the other', () => {
    const start = { ...readView(new URLSearchParams()), page: 4 }
    const byName = sortedBy(start, 'name')
    assert.deepEqual([byName.order, byName.page], ['asc', 1])
    assert.equal(sortedBy(byName, 'name').order, 'desc')
    assert.equal(sortedBy(byName, 'size').order, 'desc')
  })

  it('has at least one page', () => {
    assert.deepEqual([0, 100, 101, 10_000].map(pageCount), [1, 1, 2, 100])
  })
})
