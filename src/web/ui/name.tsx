import { visibleName } from '../visible-text.ts'

/** A name that somebody else chose: its direction stays its own, and nothing in it is hidden. */
export function Name({ text }: { text: string }) {
  return <bdi>{visibleName(text)}</bdi>
}
