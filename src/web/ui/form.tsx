import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { asApiError, type ApiError } from '../api-error.ts'
import { ErrorNotice } from './notice.tsx'

interface Props {
  onSubmit: () => Promise<void>
  /** Gets whether the form is on its way. */
  children: (isBusy: boolean) => ComponentChildren
}

/**
 * A form whose failure is told right below its fields, with what was typed still there. When a field is marked as wrong
 * already, the focus goes to it instead.
 */
export function Form({ onSubmit, children }: Props) {
  const form = useRef<HTMLFormElement>(null)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError | null>(null)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy) return
    const marked = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
    if (marked) return marked.focus()
    setBusy(true)
    setError(null)
    try {
      await onSubmit()
    } catch (cause) {
      setError(asApiError(cause))
    }
    setBusy(false)
  }
  return (
    <form class="form" ref={form} noValidate onSubmit={(event) => void submit(event)}>
      {children(isBusy)}
      {error && <ErrorNotice error={error} />}
    </form>
  )
}
