import { visibleName } from '../visible-text.ts'

/** A name that another person chose: its text direction stays its own, and nothing in it is hidden. */
export function Name({ text }: { text: string }) {
  return <bdi>{visibleName(text)}</bdi>
}
