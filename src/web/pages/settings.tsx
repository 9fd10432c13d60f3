import { useState } from 'preact/hooks'
import { getSettings, saveSettings } from '../api.ts'
import { ApiError } from '../api-error.ts'
import { toast } from '../toasts.ts'
import type { Settings } from '../../client/api-types.ts'
import { Button } from '../ui/button.tsx'
import { Select, TextField } from '../ui/field.tsx'
import { Form } from '../ui/form.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Page } from '../ui/page.tsx'
import { Sessions } from './sessions.tsx'
import { Tokens } from './tokens.tsx'

const MAX_DAYS = 3650
const UNITS = [
  { value: '1', label: 'days' },
  { value: '365', label: 'years' },
]
const PERIOD_PROBLEM = 'Give a whole number: 1 to 3650 days, or 1 to 10 years.'

interface Period {
  number: string
  /** Its days. */
  unit: string
}

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
      <Sessions />
    </Page>
  )
}

function ExpiryForm({ settings }: { settings: Settings }) {
  const [isNever, setNever] = useState(settings.defaultNeverExpire)
  const [period, setPeriod] = useState(() => periodOf(settings.defaultExpirationDays))
  const days = daysOf(period)
  const problem = isNever || days !== null ? null : PERIOD_PROBLEM
  const save = async () => {
    if (problem) throw new ApiError(0, { code: 'INVALID', message: problem })
    // With "never" the days are not looked at, but the API wants a valid number.
    const kept = days ?? settings.defaultExpirationDays
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
              After some time
            </label>
            <label>
              <input type="radio" name="never" checked={isNever} onChange={() => setNever(true)} />
              Never
            </label>
          </fieldset>
          {!isNever && (
            <div class="with-unit short-field">
              <TextField
                label="After"
                inputMode="numeric"
                value={period.number}
                onValue={(number) => setPeriod({ ...period, number })}
                error={problem}
              />
              <Select
                aria-label="Unit"
                value={period.unit}
                onValue={(unit) => setPeriod({ ...period, unit })}
                choices={UNITS}
              />
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

function periodOf(days: number): Period {
  return days % 365 === 0 ? { number: `${days / 365}`, unit: '365' } : { number: `${days}`, unit: '1' }
}

/** `null` when it is not a number of days that the server takes. */
function daysOf({ number, unit }: Period): number | null {
  const days = /^\d{1,4}$/.test(number) ? Number(number) * Number(unit) : 0
  return days >= 1 && days <= MAX_DAYS ? days : null
}
