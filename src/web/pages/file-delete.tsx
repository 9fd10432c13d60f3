import { deleteFile, restoreFile } from '../api.ts'
import { attempt } from '../attempt.ts'
import { formatBytes } from '../format.ts'
import { navigate } from '../router.tsx'
import { toast } from '../toasts.ts'
import type { SharedFile } from '../../client/api-types.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { Form } from '../ui/form.tsx'
import { Name } from '../ui/name.tsx'
import { Page } from '../ui/page.tsx'
import { visibleName } from '../visible-text.ts'
import { OneFile } from './one-file.tsx'

export function FileDeletePage({ id }: { id: string }) {
  return <OneFile id={id}>{(file) => <DeleteForm file={file} />}</OneFile>
}

function DeleteForm({ file: { id, filename, sizeBytes } }: { file: SharedFile }) {
  const undo = async () => {
    const isBack = await attempt(async () => restoreFile(id, false), `${visibleName(filename)} is back.`)
    if (isBack) navigate(`/files/${id}/info`)
  }
  const remove = async () => {
    await deleteFile(id)
    toast(`${visibleName(filename)} is in the trash.`, 'good', { label: 'Undo', run: () => void undo() })
    navigate('/files')
  }
  return (
    <Page
      title="Delete this file?"
      width="narrow"
      lead={`Its link stops working at once, and its ${formatBytes(sizeBytes)} go to the trash, where it can be brought back for a while.`}
    >
      <p class="subject">
        <Name text={filename} />
      </p>
      <Form onSubmit={remove}>
        {(isBusy) => (
          <div class="actions">
            <Button type="submit" kind="danger" icon="trash" isBusy={isBusy}>
              Delete
            </Button>
            <ButtonLink href={`/files/${id}/info`}>Keep it</ButtonLink>
          </div>
        )}
      </Form>
    </Page>
  )
}
