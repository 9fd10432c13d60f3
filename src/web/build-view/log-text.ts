/** What the page holds of a log: its end. */
import type { LogNews } from '../views.ts'

/** More than anybody scrolls through here; the whole log can be opened by itself. */
export const MAX_CHARACTERS = 400_000

export interface LogText {
  text: string
  /** Something before the text is not shown. */
  isCut: boolean
}

export function appendLog(before: LogText | null, { text, isNew, isCut }: LogNews): LogText {
  const all = isNew ? { text, isCut } : { text: (before?.text ?? '') + text, isCut: before?.isCut ?? false }
  if (all.text.length <= MAX_CHARACTERS) return all
  const end = all.text.slice(-MAX_CHARACTERS)
  // From the beginning of a line.
  return { text: end.slice(end.indexOf('\n') + 1), isCut: true }
}
