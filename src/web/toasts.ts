/** Short messages, shown for some seconds in a corner and read out by screen readers. */
import { Store } from './store.ts'

export interface Toast {
  id: number
  text: string
  kind: 'good' | 'bad'
  /** What the reader may do about it, or null. */
  action: { label: string; run: () => void } | null
}

const SHOWN_MS = { good: 4000, bad: 9000 }

export const toasts = new Store<readonly Toast[]>([])
/** What a screen reader is told without anything being shown. */
export const announcement = new Store('')
let nextId = 1

/** One with an action stays longer: there is something to decide. */
export function toast(text: string, kind: Toast['kind'] = 'good', action: Toast['action'] = null): void {
  const id = nextId++
  toasts.set([...toasts.get(), { id, text, kind, action }])
  setTimeout(() => dismissToast(id), action === null ? SHOWN_MS[kind] : SHOWN_MS.bad)
}

export function dismissToast(id: number): void {
  toasts.set(toasts.get().filter((item) => item.id !== id))
}

export function announce(text: string): void {
  // The same words twice would be no change, and what has not changed is not read out.
  announcement.set(announcement.get() === text ? `${text}\u00a0` : text)
}
