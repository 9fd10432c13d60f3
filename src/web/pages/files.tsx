import { useEffect, useState } from 'preact/hooks'
import { listFiles } from '../api.ts'
import { formatBytes, formatCount, plural } from '../format.ts'
import { Link, navigate, useLocation } from '../router.tsx'
import type { FileList } from '../../client/api-types.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { Select } from '../ui/field.tsx'
import { Icon } from '../ui/icon.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Empty } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { visibleName } from '../visible-text.ts'
import { PAGE_SIZE, pageCount, readView, viewHref, type FilesView } from './files-query.ts'
import { FilesTable } from './files-table.tsx'

const SEARCH_DELAY_MS = 250

export function FilesPage() {
  const { query } = useLocation()
  const view = readView(query)
  const href = viewHref(view)
  const files = useLoaded(href, (signal) =>
    listFiles({ ...view, limit: PAGE_SIZE, offset: (view.page - 1) * PAGE_SIZE }, signal),
  )
  const isEmpty = files.data?.total === 0 && view.search === ''
  const add = (
    <ButtonLink href="/" kind="primary" icon="upload">
      Upload
    </ButtonLink>
  )
  return (
    <Page title="Files" actions={isEmpty ? undefined : add}>
      <Show from={files}>
        {(list) =>
          isEmpty ? (
            <Empty icon="files" title="No files yet">
              <p>What you upload appears here, with its link, its expiry and who has downloaded it.</p>
              {add}
              <p>
                <Link href="/trash">Trash</Link>
              </p>
            </Empty>
          ) : (
            <FilesList view={view} list={list} isLoading={files.isLoading} />
          )
        }
      </Show>
    </Page>
  )
}

function FilesList({ view, list, isLoading }: { view: FilesView; list: FileList; isLoading: boolean }) {
  return (
    <div class={isLoading ? 'files stale' : 'files'} aria-busy={isLoading}>
      <div class="toolbar">
        <SearchBox view={view} />
        <SortSelect view={view} />
        <p class="muted toolbar-count" role="status">
          {plural(list.total, 'file')}, {formatBytes(list.totalBytes)} · <Link href="/trash">Trash</Link>
        </p>
      </div>
      {list.files.length === 0 ? <NothingFound view={view} /> : <FilesTable view={view} files={list.files} />}
      <Pages view={view} total={list.total} />
    </div>
  )
}

function SearchBox({ view }: { view: FilesView }) {
  const [text, setText] = useState(view.search)
  // "Back" and "Show all" change the address, and the box has to follow.
  useEffect(() => setText(view.search), [view.search])
  useEffect(() => {
    if (text === view.search) return undefined
    const search = () => navigate(viewHref({ ...view, search: text, page: 1 }), { replace: true })
    const timer = setTimeout(search, SEARCH_DELAY_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label="Search in names and notes"
        placeholder="Search names and notes"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  )
}

const SORTS = [
  { value: 'uploaded desc', label: 'Newest first' },
  { value: 'uploaded asc', label: 'Oldest first' },
  { value: 'name asc', label: 'Name, A to Z' },
  { value: 'name desc', label: 'Name, Z to A' },
  { value: 'size desc', label: 'Largest first' },
  { value: 'size asc', label: 'Smallest first' },
  { value: 'expires asc', label: 'Expiring soonest' },
  { value: 'expires desc', label: 'Expiring latest' },
  { value: 'downloads desc', label: 'Most downloads' },
  { value: 'downloads asc', label: 'Fewest downloads' },
]

/** For phones, where the table has no header to click on. */
function SortSelect({ view }: { view: FilesView }) {
  const change = (value: string) => {
    const [sort, order] = value.split(' ')
    navigate(viewHref(readView(new URLSearchParams({ search: view.search, sort: sort ?? '', order: order ?? '' }))))
  }
  return (
    <div class="sort-select">
      <Select aria-label="Sort by" value={`${view.sort} ${view.order}`} onValue={change} choices={SORTS} />
    </div>
  )
}

function NothingFound({ view }: { view: FilesView }) {
  const all = viewHref({ ...view, search: '', page: 1 })
  return (
    <Empty
      icon="search"
      title={view.search === '' ? 'No files on this page' : `Nothing found for “${visibleName(view.search)}”`}
    >
      <p>Search looks into names and notes. A part of a word is enough.</p>
      <ButtonLink href={all}>Show all files</ButtonLink>
    </Empty>
  )
}

function Pages({ view, total }: { view: FilesView; total: number }) {
  const last = pageCount(total)
  if (last === 1) return null
  const go = (page: number) => {
    navigate(viewHref({ ...view, page }))
    window.scrollTo(0, 0)
  }
  return (
    <nav class="pages" aria-label="Pages of the list">
      <Button disabled={view.page <= 1} onClick={() => go(1)}>
        First
      </Button>
      <Button disabled={view.page <= 1} onClick={() => go(view.page - 1)}>
        Previous
      </Button>
      <span>
        Page {formatCount(view.page)} of {formatCount(last)}
      </span>
      <Button disabled={view.page >= last} onClick={() => go(view.page + 1)}>
        Next
      </Button>
      <Button disabled={view.page >= last} onClick={() => go(last)}>
        Last
      </Button>
    </nav>
  )
}
