/** What the file list shows, as it stands in the page's address: it survives reloading and can be bookmarked. */
export const PAGE_SIZE = 100

export const COLUMNS = [
  { key: 'name', label: 'Name', firstOrder: 'asc' },
  { key: 'size', label: 'Size', firstOrder: 'desc' },
  { key: 'uploaded', label: 'Uploaded', firstOrder: 'desc' },
  { key: 'expires', label: 'Expires', firstOrder: 'asc' },
  { key: 'downloads', label: 'Downloads', firstOrder: 'desc' },
] as const

export type SortKey = (typeof COLUMNS)[number]['key']

export interface FilesView {
  search: string
  sort: SortKey
  order: 'asc' | 'desc'
  /** From 1. */
  page: number
}

const START: FilesView = { search: '', sort: 'uploaded', order: 'desc', page: 1 }

/** Reads whatever stands in the address; what makes no sense is as if it were not there. */
export function readView(query: URLSearchParams): FilesView {
  const column = COLUMNS.find(({ key }) => key === query.get('sort'))
  const order = query.get('order')
  const page = Number(query.get('page'))
  return {
    search: query.get('search') ?? '',
    sort: column?.key ?? START.sort,
    order: order === 'asc' || order === 'desc' ? order : (column?.firstOrder ?? START.order),
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
  }
}

export function viewHref(view: FilesView): string {
  const query = new URLSearchParams()
  if (view.search !== '') query.set('search', view.search)
  if (view.sort !== START.sort || view.order !== START.order) {
    query.set('sort', view.sort)
    query.set('order', view.order)
  }
  if (view.page > 1) query.set('page', `${view.page}`)
  const text = query.toString()
  return text === '' ? '/files' : `/files?${text}`
}

/** A click on a column: sorts by it, or turns the order round when it is sorted by already. */
export function sortedBy(view: FilesView, key: SortKey): FilesView {
  const first = COLUMNS.find((column) => column.key === key)?.firstOrder ?? START.order
  const order = view.sort === key ? (view.order === 'asc' ? 'desc' : 'asc') : first
  return { ...view, sort: key, order, page: 1 }
}

export function pageCount(total: number): number {
  return Math.max(1, Math.ceil(total / PAGE_SIZE))
}
