import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { pageTitle } from '../title.ts'

interface Props {
  title: string
  lead?: ComponentChildren
  actions?: ComponentChildren
  /** The title is a file's name: longer than other titles, and in any script. */
  isName?: boolean
  /** `narrow` for forms and facts, which are hard to read when wide. */
  width?: 'narrow' | 'wide'
  children?: ComponentChildren
}

let isFirstPage = true

/**
 * A page's frame: its title in the tab and as the heading, which gets the focus so that a screen reader begins there.
 */
export function Page({ title, lead, actions, width = 'wide', isName = false, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => pageTitle.set(title), [title])
  useEffect(() => {
    // The first page is what the browser has just loaded: the focus is where it belongs.
    const wantsFocus = !isFirstPage && !document.activeElement?.matches('input, textarea, select')
    if (wantsFocus) heading.current?.focus({ preventScroll: true })
    isFirstPage = false
  }, [])
  return (
    <div class={`page ${width}`}>
      <header class="page-head">
        <div class={lead ? 'page-title' : 'page-title short'}>
          <h1 class={isName ? 'name-title' : ''} tabIndex={-1} ref={heading}>
            <bdi>{title}</bdi>
          </h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  )
}
