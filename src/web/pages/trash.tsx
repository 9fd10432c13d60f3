import { useState } from 'preact/hooks'
import { deleteFile, emptyTrash, listTrash, restoreFile } from '../api.ts'
import { attempt } from '../attempt.ts'
import { formatBytes, formatDuration, plural } from '../format.ts'
import { toast } from '../toasts.ts'
import type { TrashedFile, TrashList } from '../types.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { ConfirmDialog } from '../ui/dialog.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { Empty } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { visibleName } from '../visible-text.ts'

/** Files that were deleted or have expired, until they are removed for good. */
export function TrashPage() {
  const trash = useLoaded('trash', listTrash)
  return (
    <Page
      title="Trash"
      width="narrow"
      lead="Deleted and expired files. They make room by themselves when an upload needs it."
    >
      <Show from={trash}>{(list) => <Contents list={list} onChange={trash.reload} />}</Show>
    </Page>
  )
}

function Contents({ list, onChange }: { list: TrashList; onChange: () => void }) {
  const [isEmptying, setEmptying] = useState(false)
  if (list.total === 0) {
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
        <p class="muted toolbar-count">
          {plural(list.total, 'file')}, {formatBytes(list.totalBytes)}
        </p>
        <Button icon="trash" onClick={() => setEmptying(true)}>
          Empty the trash
        </Button>
      </div>
      <ul class="lines">
        {list.files.map((file) => (
          <Trashed key={file.id} file={file} onChange={onChange} />
        ))}
      </ul>
      {isEmptying && (
        <ConfirmDialog
          title="Empty the trash?"
          action="Delete for good"
          onConfirm={empty}
          onClose={() => setEmptying(false)}
        >
          <p>{plural(list.total, 'file')} are removed for good and cannot be brought back.</p>
        </ConfirmDialog>
      )}
    </>
  )
}

function Trashed({ file, onChange }: { file: TrashedFile; onChange: () => void }) {
  const run = async (act: () => Promise<unknown>, done: string) => {
    await attempt(act, done)
    onChange()
  }
  const name = visibleName(file.filename)
  // An expired file needs another expiry to be visible again.
  const restore = () => void run(async () => restoreFile(file.id, file.reason === 'expired'), `${name} is back.`)
  const remove = () => void run(async () => deleteFile(file.id, { purge: true }), `${name} is gone for good.`)
  return (
    <li>
      <div>
        <strong>
          <Name text={file.filename} />
        </strong>
        <p class="muted">
          {formatBytes(file.sizeBytes)} · {file.reason} <Ago at={file.deletedAt} /> · kept for{' '}
          {formatDuration(file.purgeInSeconds)} more
        </p>
      </div>
      <div class="actions tight">
        <Button onClick={restore} aria-label={`Restore ${name}`}>
          {file.reason === 'expired' ? 'Restore without expiry' : 'Restore'}
        </Button>
        <Button onClick={remove} aria-label={`Delete ${name} for good`}>
          Delete for good
        </Button>
      </div>
    </li>
  )
}
