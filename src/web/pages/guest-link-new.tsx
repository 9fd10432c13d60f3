import { useState } from 'preact/hooks'
import { createGuestLink } from '../api.ts'
import { ApiError } from '../api-error.ts'
import { DAY_CHOICES, expiryTime, lifetimeOf, ownerChoices, type ExpiryValue } from '../expiry.ts'
import { navigate } from '../router.tsx'
import { serverNow } from '../server-clock.ts'
import type { NewGuestLink } from '../../client/api-types.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { ExpiryField } from '../ui/expiry-field.tsx'
import { Select, SelectField, TextField } from '../ui/field.tsx'
import { Form } from '../ui/form.tsx'
import { Page } from '../ui/page.tsx'
import { checkCount, checkLabel } from '../upload/checks.ts'

const DEFAULT_DAYS = 30
const MIN_FILE_BYTES = 1_048_576
const UNITS = [
  { value: '1000000', label: 'MB' },
  { value: '1000000000', label: 'GB' },
  { value: '1000000000000', label: 'TB' },
]
const LIFETIMES = [...DAY_CHOICES, { value: 'never', label: 'Never' }]

interface Draft {
  label: string
  greeting: string
  expiry: ExpiryValue
  lifetime: string
  maxSize: string
  unit: string
  maxUploads: string
}

const START: Draft = {
  label: '',
  greeting: '',
  expiry: { choice: `${DEFAULT_DAYS}`, date: '' },
  lifetime: 'never',
  maxSize: '',
  unit: '1000000000',
  maxUploads: '',
}

export function GuestLinkNewPage() {
  const [draft, setDraft] = useState(START)
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change })
  const create = async () => {
    const { id } = await createGuestLink(linkOf(draft))
    navigate(`/guest-links?new=${encodeURIComponent(id)}`)
  }
  return (
    <Page title="New guest link" width="narrow" lead="Whoever has the link can send you files without a login.">
      <Form onSubmit={create}>
        {(isBusy) => (
          <>
            <Fields draft={draft} set={set} />
            <div class="actions">
              <Button type="submit" kind="primary" isBusy={isBusy}>
                Create the link
              </Button>
              <ButtonLink href="/guest-links">Cancel</ButtonLink>
            </div>
          </>
        )}
      </Form>
    </Page>
  )
}

interface FieldsProps {
  draft: Draft
  set: (change: Partial<Draft>) => void
}

function Fields({ draft, set }: FieldsProps) {
  return (
    <>
      <TextField
        label="Label"
        hint="For whom or for what. Only you see it."
        value={draft.label}
        onValue={(label) => set({ label })}
        error={checkLabel('label', draft.label)}
      />
      <TextField
        label="Greeting"
        hint="The guest reads it above the upload. Leave empty for none."
        value={draft.greeting}
        onValue={(greeting) => set({ greeting })}
        error={checkLabel('greeting', draft.greeting)}
      />
      <div class="columns">
        <ExpiryField
          label="Expiry of the link"
          value={draft.expiry}
          onValue={(expiry) => set({ expiry })}
          choices={ownerChoices(DEFAULT_DAYS)}
        />
        <SelectField
          label="Expiry of its files"
          hint="At most: a guest may choose less."
          value={draft.lifetime}
          onValue={(lifetime) => set({ lifetime })}
          choices={LIFETIMES}
        />
      </div>
      <LimitFields draft={draft} set={set} />
    </>
  )
}

function LimitFields({ draft, set }: FieldsProps) {
  return (
    <div class="columns">
      <div class="with-unit">
        <TextField
          label="Largest file"
          hint="Leave empty for any size."
          inputMode="decimal"
          value={draft.maxSize}
          onValue={(maxSize) => set({ maxSize: maxSize.trim() })}
          error={sizeProblem(draft)}
        />
        <Select
          aria-label="Unit of the largest file"
          value={draft.unit}
          onValue={(unit) => set({ unit })}
          choices={UNITS}
        />
      </div>
      <TextField
        label="Number of files"
        hint="Leave empty for any number."
        inputMode="numeric"
        value={draft.maxUploads}
        onValue={(maxUploads) => set({ maxUploads })}
        error={checkCount(draft.maxUploads)}
      />
    </div>
  )
}

function sizeProblem({ maxSize, unit }: Draft): string | null {
  if (maxSize === '') return null
  // 1,500 may be meant as 1500 or as 1.5.
  if (!/^\d+([.,]\d+)?$/.test(maxSize) || /,\d{3}$/.test(maxSize)) return 'Give a number, such as 500 or 1.5.'
  const bytes = Number(maxSize.replace(',', '.')) * Number(unit)
  return bytes < MIN_FILE_BYTES || bytes > Number.MAX_SAFE_INTEGER ? 'Give at least 1.05 MB (1 MiB).' : null
}

/** The form as the API takes it. Throws what has to be mended first. */
function linkOf(draft: Draft): NewGuestLink {
  const urlExpirationTime = expiryTime(draft.expiry, serverNow())
  const problem =
    checkLabel('label', draft.label) ??
    checkLabel('greeting', draft.greeting) ??
    sizeProblem(draft) ??
    checkCount(draft.maxUploads)
  if (problem !== null || urlExpirationTime === null) {
    const message = problem ?? 'Choose the last day of the link: a day in the future.'
    throw new ApiError(0, { code: 'INVALID', message })
  }
  const { label, greeting, lifetime, maxSize, unit, maxUploads } = draft
  return {
    label: label.trim() === '' ? null : label.trim(),
    greeting: greeting.trim() === '' ? null : greeting.trim(),
    urlExpirationTime,
    fileLifetime: lifetimeOf(lifetime),
    maxFileBytes: maxSize === '' ? null : Math.round(Number(maxSize.replace(',', '.')) * Number(unit)),
    maxFileUploads: maxUploads === '' ? null : Number(maxUploads),
  }
}
