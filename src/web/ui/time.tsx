import { formatDateTime, formatRelative } from '../format.ts'
import { serverNow } from '../server-clock.ts'

/** A moment as one speaks of it, with the exact time on hovering. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {formatRelative(at, serverNow())}
    </time>
  )
}

export function Expiry({ at }: { at: string | null }) {
  return at === null ? <span class="muted">never</span> : <Ago at={at} />
}
