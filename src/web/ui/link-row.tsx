import { CopyIconButton } from './copy-button.tsx'

/** A link and what it is, to read and to copy. */
export function LinkRow({ label, url }: { label: string; url: string }) {
  return (
    <div class="link-row">
      <span class="link-label">{label}</span>
      <span class="mono link-text">{url}</span>
      <CopyIconButton text={url} label={`Copy: ${label.toLowerCase()}`} />
    </div>
  )
}
