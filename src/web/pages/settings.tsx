import { useState } from 'preact/hooks'
import { getSettings, saveSettings } from '../api.ts'
import { ApiError } from '../api-error.ts'
import { toast } from '../toasts.ts'
import type { Settings } from '../types.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Form } from '../ui/form.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Page } from '../ui/page.tsx'
import { Tokens } from './tokens.tsx'

const MAX_DAYS = 3650

export function SettingsPage() {
  const settings = useLoaded('settings', getSettings)
  return (
    <Page title="Settings" width="narrow">
      <section class="section" aria-labelledby="expiry-title">
        <h2 id="expiry-title">Default expiry</h2>
        <p class="muted">What the upload page begins with. You can still choose otherwise for each upload.</p>
        <Show from={settings}>{(loaded) => <ExpiryForm settings={loaded} />}</Show>
      </section>
      <Tokens />
    </Page>
  )
}

function ExpiryForm({ settings }: { settings: Settings }) {
  const [isNever, setNever] = useState(settings.defaultNeverExpire)
  const [days, setDays] = useState(`${settings.defaultExpirationDays}`)
  const problem = isNever ? null : daysProblem(days)
  const save = async () => {
    if (problem) throw new ApiError(0, { code: 'INVALID', message: problem })
    // With "never" the days are not looked at, but the API wants a valid number.
    const kept = daysProblem(days) === null ? Number(days) : settings.defaultExpirationDays
    await saveSettings({ defaultExpirationDays: kept, defaultNeverExpire: isNever })
    toast('Saved.')
  }
  return (
    <Form onSubmit={save}>
      {(isBusy) => (
        <>
          <fieldset class="radios">
            <legend class="visually-hidden">Files expire</legend>
            <label>
              <input type="radio" name="never" checked={!isNever} onChange={() => setNever(false)} />
              After some days
            </label>
            <label>
              <input type="radio" name="never" checked={isNever} onChange={() => setNever(true)} />
              Never
            </label>
          </fieldset>
          {!isNever && (
            <div class="short-field">
              <TextField label="Days" inputMode="numeric" value={days} onValue={setDays} error={problem} />
            </div>
          )}
          <div class="actions">
            <Button type="submit" kind="primary" isBusy={isBusy}>
              Save
            </Button>
          </div>
        </>
      )}
    </Form>
  )
}

function daysProblem(days: string): string | null {
  const isFine = /^\d{1,4}$/.test(days) && Number(days) >= 1 && Number(days) <= MAX_DAYS
  return isFine ? null : `Give a number of days from 1 to ${MAX_DAYS}.`
}
