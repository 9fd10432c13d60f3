import { useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextAreaField, TextField } from '../ui/field.tsx'
import { checkFilename } from './checks.ts'
import { pastedName, textFile } from './dropped-files.ts'

interface Props {
  onFile: (file: File) => void
  onClose: () => void
}

/** Makes a file of text that is written here. */
export function TextDialog({ onFile, onClose }: Props) {
  const [name, setName] = useState(() => pastedName('image.txt', new Date()))
  const [content, setContent] = useState('')
  const problem = checkFilename(name)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    if (problem || content === '') return
    onFile(textFile(content, name))
    onClose()
  }
  return (
    <Dialog title="Share text as a file" onClose={onClose}>
      <form class="form" noValidate onSubmit={submit}>
        <TextAreaField label="Text" rows={8} autoFocus value={content} onValue={setContent} />
        <TextField label="File name" value={name} onValue={setName} error={problem} />
        <div class="actions end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={problem !== null || content === ''}>
            Upload text
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
