import type { ComponentChildren } from 'preact'
import { basePath } from './place.ts'
import { Store } from './store.ts'
import { useStore } from './use-store.ts'

export interface Location {
  path: string
  query: URLSearchParams
}

const current = new Store<Location>(read())
window.addEventListener('popstate', () => current.set(read()))

export function useLocation(): Location {
  return useStore(current)
}

/** Goes to another page of the app without loading it anew. Paths are the app's own, without its base path. */
export function navigate(to: string, { replace = false } = {}): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', basePath + to)
  const before = current.get().path
  current.set(read())
  if (before !== current.get().path) window.scrollTo(0, 0)
}

interface LinkProps {
  href: string
  class?: string
  title?: string
  'aria-label'?: string
  'aria-current'?: 'page'
  children: ComponentChildren
}

/** A link to a page of the app. Links to files are plain `<a>`: the server answers those. */
export function Link({ href, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    const wantsOtherTab = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
    if (wantsOtherTab) return
    event.preventDefault()
    navigate(href)
  }
  return <a href={basePath + href} onClick={follow} {...rest} />
}

function read(): Location {
  const path = location.pathname.slice(basePath.length)
  return { path: path === '' ? '/' : path, query: new URLSearchParams(location.search) }
}
