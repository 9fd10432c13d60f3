import { useState } from 'preact/hooks'
import { changeFile } from '../api.ts'
import { ApiError } from '../api-error.ts'
import { DAY_CHOICES, CUSTOM_CHOICE, expiryTime, NEVER, NEVER_CHOICE, type ExpiryValue } from '../expiry.ts'
import { formatDateTime } from '../format.ts'
import { navigate } from '../router.tsx'
import { serverNow } from '../server-clock.ts'
import { toast } from '../toasts.ts'
import type { FileChange, SharedFile } from '../../client/api-types.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { ExpiryField } from '../ui/expiry-field.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Form } from '../ui/form.tsx'
import { Page } from '../ui/page.tsx'
import { checkCount, checkFilename, checkNote, checkPassphrase } from '../upload/checks.ts'
import { OneFile } from './one-file.tsx'

export function FileEditPage({ id }: { id: string }) {
  return (
    <OneFile id={id}>
      {(file) => (
        <Page title="Edit" width="narrow">
          <EditForm file={file} />
        </Page>
      )}
    </OneFile>
  )
}

interface Draft {
  filename: string
  note: string
  expiry: ExpiryValue
  maxDownloads: string
  /** What to do with the passphrase, and the new one. */
  lock: 'keep' | 'set' | 'remove'
  passphrase: string
}

function EditForm({ file }: { file: SharedFile }) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(file))
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change })
  const save = async () => {
    const change = changeOf(draft, file)
    if (Object.keys(change).length > 0) await changeFile(file.id, change)
    toast('Saved.')
    navigate(`/files/${file.id}/info`)
  }
  const keep = file.expiresAt === null ? 'Never, as now' : `As now: ${formatDateTime(file.expiresAt)}`
  return (
    <Form onSubmit={save}>
      {(isBusy) => (
        <>
          <TextField
            label="File name"
            value={draft.filename}
            onValue={(filename) => set({ filename })}
            error={checkFilename(draft.filename)}
          />
          <TextField
            label="Note"
            hint="Only you see it."
            value={draft.note}
            onValue={(note) => set({ note })}
            error={checkNote(draft.note)}
          />
          <ExpiryField
            label="Expires"
            value={draft.expiry}
            onValue={(expiry) => set({ expiry })}
            choices={[{ value: 'keep', label: keep }, ...laterChoices(file)]}
          />
          <TextField
            label="Download limit"
            hint={`Downloaded ${file.downloadCount} times so far. Leave empty for no limit.`}
            inputMode="numeric"
            value={draft.maxDownloads}
            onValue={(maxDownloads) => set({ maxDownloads })}
            error={checkCount(draft.maxDownloads)}
          />
          <LockFields file={file} draft={draft} set={set} />
          <div class="actions">
            <Button type="submit" kind="primary" isBusy={isBusy}>
              Save
            </Button>
            <ButtonLink href={`/files/${file.id}/info`}>Cancel</ButtonLink>
            <span class="actions-gap" />
            <ButtonLink href={`/files/${file.id}/confirm-delete`} icon="trash">
              Delete
            </ButtonLink>
          </div>
        </>
      )}
    </Form>
  )
}

function laterChoices(file: SharedFile) {
  const days = DAY_CHOICES.map(({ value, label }) => ({ value, label: `In ${label} from now` }))
  return [...days, ...(file.expiresAt === null ? [] : [NEVER_CHOICE]), CUSTOM_CHOICE]
}

interface LockProps {
  file: SharedFile
  draft: Draft
  set: (change: Partial<Draft>) => void
}

function LockFields({ file, draft, set }: LockProps) {
  const choices = file.hasPassphrase
    ? [
        { value: 'keep', label: 'Needed, as now' },
        { value: 'set', label: 'Set another one' },
        { value: 'remove', label: 'Not needed any more' },
      ]
    : [
        { value: 'keep', label: 'None' },
        { value: 'set', label: 'Set one' },
      ]
  return (
    <>
      <SelectField
        label="Passphrase for the download"
        value={draft.lock}
        onValue={(lock) => set({ lock: lock as Draft['lock'] })}
        choices={choices}
      />
      {draft.lock === 'set' && (
        <TextField
          label="New passphrase"
          autocomplete="off"
          spellcheck={false}
          value={draft.passphrase}
          onValue={(passphrase) => set({ passphrase })}
          error={checkPassphrase(draft.passphrase)}
        />
      )}
    </>
  )
}

function draftOf({ filename, note, maxDownloads }: SharedFile): Draft {
  return {
    filename,
    note: note ?? '',
    expiry: { choice: 'keep', date: '' },
    maxDownloads: maxDownloads === null ? '' : `${maxDownloads}`,
    lock: 'keep',
    passphrase: '',
  }
}

/** What the form changes, as the API takes it. Throws what has to be mended first. */
function changeOf(draft: Draft, file: SharedFile): FileChange {
  const change: FileChange = {}
  const problem =
    checkFilename(draft.filename) ??
    checkNote(draft.note) ??
    checkCount(draft.maxDownloads) ??
    (draft.lock === 'set' && draft.passphrase === '' ? 'Type the new passphrase.' : checkPassphrase(draft.passphrase))
  if (problem !== null) throw invalid(problem)
  if (draft.filename !== file.filename) change.filename = draft.filename
  const note = draft.note.trim() === '' ? null : draft.note.trim()
  if (note !== file.note) change.note = note
  if (draft.expiry.choice !== 'keep') {
    const expiration = expiryTime(draft.expiry, serverNow())
    if (expiration === null) throw invalid('Choose the last day: a day in the future.')
    change.expiration = expiration === NEVER ? null : expiration
  }
  const maxDownloads = draft.maxDownloads === '' ? null : Number(draft.maxDownloads)
  if (maxDownloads !== file.maxDownloads) change.maxDownloads = maxDownloads
  if (draft.lock === 'set') change.downloadPassphrase = draft.passphrase
  if (draft.lock === 'remove') change.downloadPassphrase = null
  return change
}

const invalid = (message: string) => new ApiError(0, { code: 'INVALID', message })
