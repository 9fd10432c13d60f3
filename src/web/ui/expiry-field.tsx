import { expiryTime, firstDate, NEVER, type Choice, type ExpiryValue } from '../expiry.ts'
import { formatDateTime } from '../format.ts'
import { serverNow } from '../server-clock.ts'
import { SelectField, TextField } from './field.tsx'

interface Props {
  label: string
  value: ExpiryValue
  onValue: (value: ExpiryValue) => void
  choices: readonly Choice[]
}

/** A choice of how long, with a date of one's own when that is wanted. */
export function ExpiryField({ label, value, onValue, choices }: Props) {
  const now = serverNow()
  return (
    <div class="expiry-field">
      <SelectField
        label={label}
        hint={value.choice === 'custom' ? undefined : hintFor(value, now)}
        value={value.choice}
        onValue={(choice) => onValue({ ...value, choice })}
        choices={choices}
      />
      {value.choice === 'custom' && (
        <TextField
          label="Last day"
          type="date"
          min={firstDate(now)}
          value={value.date}
          onValue={(date) => onValue({ ...value, date })}
          error={value.date !== '' && expiryTime(value, now) === null ? 'Choose a day in the future.' : null}
          required
        />
      )}
    </div>
  )
}

function hintFor(value: ExpiryValue, now: number): string | undefined {
  if (!/^\d+$/.test(value.choice)) return undefined
  const at = expiryTime(value, now)
  return at === null || at === NEVER ? undefined : `Until ${formatDateTime(at)}`
}
