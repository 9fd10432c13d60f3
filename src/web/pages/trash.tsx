import { useState } from 'preact/hooks'
import { deleteFile, deleteGuestLink, emptyTrash, listTrash, restoreFile, restoreGuestLink } from '../api.ts'
import { attempt } from '../attempt.ts'
import { formatBytes, formatDuration, plural } from '../format.ts'
import { toast } from '../toasts.ts'
import type { TrashedFile } from '../../client/api-types.ts'
import type { TrashedGuestLink, TrashList } from '../views.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { ConfirmDialog } from '../ui/dialog.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { Empty } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { visibleName } from '../visible-text.ts'

/** Files that were deleted or have expired, and deleted guest links, until they are removed for good. */
export function TrashPage() {
  const trash = useLoaded('trash', listTrash)
  return (
    <Page
      title="Trash"
      width="narrow"
      lead="Deleted and expired files, and deleted guest links. The files make room by themselves when an upload needs it."
    >
      <Show from={trash}>{(list) => <Contents list={list} onChange={trash.reload} />}</Show>
    </Page>
  )
}

function Contents({ list, onChange }: { list: TrashList; onChange: () => void }) {
  const [isEmptying, setEmptying] = useState(false)
  if (list.total === 0 && list.guestLinks.length === 0) {
    return (
      <Empty icon="trash" title="The trash is empty">
        <p>What you delete stays here for a while and can be brought back.</p>
        <ButtonLink href="/files">Files</ButtonLink>
      </Empty>
    )
  }
  const empty = async () => {
    await emptyTrash()
    toast('The trash is empty.')
    onChange()
  }
  return (
    <>
      <div class="toolbar">
        <p class="muted toolbar-count">{tellContents(list)}</p>
        <Button icon="trash" onClick={() => setEmptying(true)}>
          Empty the trash
        </Button>
      </div>
      <ul class="lines">
        {list.files.map((file) => (
          <TrashedFileLine key={file.id} file={file} onChange={onChange} />
        ))}
        {list.guestLinks.map((link) => (
          <TrashedLinkLine key={link.id} link={link} onChange={onChange} />
        ))}
      </ul>
      {isEmptying && (
        <ConfirmDialog
          title="Empty the trash?"
          action="Delete for good"
          onConfirm={empty}
          onClose={() => setEmptying(false)}
        >
          <p>It is removed for good and cannot be brought back: {tellContents(list)}.</p>
        </ConfirmDialog>
      )}
    </>
  )
}

function TrashedFileLine({ file, onChange }: { file: TrashedFile; onChange: () => void }) {
  const name = visibleName(file.filename)
  const isExpired = file.reason === 'expired'
  return (
    <TrashedLine
      name={name}
      details={formatBytes(file.sizeBytes)}
      trashed={file}
      reason={file.reason}
      // An expired file needs another expiry to be visible again.
      restoreLabel={isExpired ? 'Restore without expiry' : 'Restore'}
      restore={async () => restoreFile(file.id, isExpired)}
      remove={async () => deleteFile(file.id, { purge: true })}
      onChange={onChange}
    />
  )
}

function TrashedLinkLine({ link, onChange }: { link: TrashedGuestLink; onChange: () => void }) {
  return (
    <TrashedLine
      name={visibleName(link.label ?? link.id)}
      details="guest link"
      trashed={link}
      reason="deleted"
      restoreLabel="Restore"
      restore={async () => restoreGuestLink(link.id)}
      remove={async () => deleteGuestLink(link.id, { purge: true })}
      onChange={onChange}
    />
  )
}

interface TrashedLineProps {
  name: string
  details: string
  trashed: { deletedAt: string; purgeInSeconds: number }
  reason: string
  restoreLabel: string
  restore: () => Promise<unknown>
  remove: () => Promise<unknown>
  onChange: () => void
}

function TrashedLine({ name, details, trashed, reason, restoreLabel, restore, remove, onChange }: TrashedLineProps) {
  const run = async (act: () => Promise<unknown>, done: string) => {
    await attempt(act, done)
    onChange()
  }
  return (
    <li>
      <div>
        <strong>
          <Name text={name} />
        </strong>
        <p class="muted">
          {details} · {reason} <Ago at={trashed.deletedAt} /> · kept for {formatDuration(trashed.purgeInSeconds)} more
        </p>
      </div>
      <div class="actions tight">
        <Button onClick={() => void run(restore, `${name} is back.`)} aria-label={`Restore ${name}`}>
          {restoreLabel}
        </Button>
        <Button onClick={() => void run(remove, `${name} is gone for good.`)} aria-label={`Delete ${name} for good`}>
          Delete for good
        </Button>
      </div>
    </li>
  )
}

function tellContents({ total, totalBytes, guestLinks }: TrashList): string {
  const files = total === 0 ? [] : [`${plural(total, 'file')}, ${formatBytes(totalBytes)}`]
  const links = guestLinks.length === 0 ? [] : [plural(guestLinks.length, 'guest link')]
  return [...files, ...links].join(', ')
}
