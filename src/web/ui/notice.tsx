import type { ComponentChildren } from 'preact'
import type { ApiError } from '../api-error.ts'
import { Icon, type IconName } from './icon.tsx'
import { Button } from './button.tsx'

interface NoticeProps {
  kind: 'bad' | 'good' | 'plain'
  icon: IconName
  children: ComponentChildren
}

export function Notice({ kind, icon, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  )
}

/** What failed and what to do about it, where it happened. */
export function ErrorNotice({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  return (
    <Notice kind="bad" icon="alert">
      <p>
        <strong>{error.message}</strong>
        {error.hint && <span> {error.hint}</span>}
      </p>
      {onRetry && (
        <Button icon="retry" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Notice>
  )
}

interface EmptyProps {
  icon: IconName
  title: string
  children: ComponentChildren
}

/** What stands where a list would, when there is nothing to list. */
export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <span class="empty-picture">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  )
}
