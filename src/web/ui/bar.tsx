interface Props {
  value: number
  max: number
  label: string
  kind?: 'plain' | 'good' | 'bad'
}

/** The browser's progress element: it tells a screen reader what it shows. */
export function Bar({ value, max, label, kind = 'plain' }: Props) {
  return <progress class={`bar ${kind}`} value={value} max={Math.max(1, max)} aria-label={label} />
}
