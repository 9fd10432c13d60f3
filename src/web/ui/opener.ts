/**
 * The control that was used last, to give it the focus back. `document.activeElement` does not tell: Safari does not
 * focus a button that is clicked.
 */
let lastUsed: HTMLElement | null = null

export function watchClicks(): void {
  document.addEventListener('click', note, { capture: true })
}

function note(event: MouseEvent): void {
  const pressed = event.target instanceof Element ? event.target.closest<HTMLElement>('button, a, summary') : null
  const focused = document.activeElement
  // Enter in a form's field clicks its submit button (detail 0): the field was used, not the button.
  const isByPointer = event.detail > 0 || focused === null || focused === document.body
  lastUsed = isByPointer || !(focused instanceof HTMLElement) ? pressed : focused
}

export function lastUsedControl(): HTMLElement | null {
  return lastUsed
}

/** Focuses a control; if it is gone by now, the page's content. */
export function returnFocus(to: HTMLElement | null): void {
  const target = to?.isConnected ? to : document.querySelector<HTMLElement>('#content')
  target?.focus({ preventScroll: true })
}
