import type { ComponentChildren, InputHTMLAttributes } from 'preact'
import { useId } from 'preact/hooks'
import type { Choice } from '../expiry.ts'

interface FieldProps {
  label: string
  hint?: ComponentChildren
  error?: string | null
}

/** The ids that tie the label, the hint and the error to a field. */
interface Ties {
  id: string
  'aria-describedby': string
  'aria-invalid': boolean
}

function Field({ label, hint, error, children }: FieldProps & { children: (ties: Ties) => ComponentChildren }) {
  const id = useId()
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter((part) => part !== '')
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described.join(' '), 'aria-invalid': Boolean(error) })}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  )
}

interface Own extends FieldProps {
  value: string
  onValue: (value: string) => void
}

interface TextFieldProps extends Own {
  type?: 'text' | 'password' | 'date'
  name?: string
  min?: string
  placeholder?: string
  autocomplete?: 'off' | 'current-password'
  inputMode?: 'numeric' | 'decimal'
  spellcheck?: boolean
  required?: boolean
}

export function TextField({ label, hint, error = null, value, onValue, ...rest }: TextFieldProps) {
  // The attribute types tell apart which roles go with which type of field; none is given here, so any type will do.
  const attributes = rest as InputHTMLAttributes
  return (
    <Field label={label} hint={hint} error={error}>
      {(ties) => (
        <input {...ties} {...attributes} value={value} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
    </Field>
  )
}

interface TextAreaProps extends Own {
  rows: number
  /** Of a dialog: the field to begin with. */
  autoFocus?: boolean
}

export function TextAreaField({ label, hint, error = null, value, onValue, ...rest }: TextAreaProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ties) => <textarea {...ties} {...rest} value={value} onInput={(event) => onValue(event.currentTarget.value)} />}
    </Field>
  )
}

export function SelectField({ label, hint, value, onValue, choices }: Own & { choices: readonly Choice[] }) {
  return (
    <Field label={label} hint={hint}>
      {(ties) => <Select {...ties} value={value} onValue={onValue} choices={choices} />}
    </Field>
  )
}

interface SelectProps extends Partial<Ties> {
  value: string
  onValue: (value: string) => void
  choices: readonly Choice[]
  'aria-label'?: string
}

export function Select({ value, onValue, choices, ...rest }: SelectProps) {
  return (
    <select {...rest} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value} selected={choice.value === value}>
          {choice.label}
        </option>
      ))}
    </select>
  )
}
