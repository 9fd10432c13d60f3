import { deleteFile } from '../api.ts'
import { formatBytes } from '../format.ts'
import { navigate } from '../router.tsx'
import { toast } from '../toasts.ts'
import type { SharedFile } from '../types.ts'
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
  const remove = async () => {
    await deleteFile(id)
    toast(`${visibleName(filename)} is deleted.`)
    navigate('/files')
  }
  return (
    <Page
      title="Delete this file?"
      width="narrow"
      lead={`Its link stops working at once, and ${formatBytes(sizeBytes)} become free. It cannot be brought back.`}
    >
      <p class="subject">
        <Name text={filename} />
      </p>
      <Form onSubmit={remove}>
        {(isBusy) => (
          <div class="actions">
            <Button type="submit" kind="danger" icon="trash" isBusy={isBusy}>
              Delete for good
            </Button>
            <ButtonLink href={`/files/${id}/info`}>Keep it</ButtonLink>
          </div>
        )}
      </Form>
    </Page>
  )
}
