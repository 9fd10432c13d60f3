import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, asApiError } from '../api-error.ts'
import { formatDuration } from '../format.ts'
import { session, startSession } from '../session.ts'
import { useLocation } from '../router.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { useStore } from '../use-store.ts'

/** Once logged in, the app shows where the person wanted to be instead of this page. */
export function LoginPage() {
  const { query } = useLocation()
  const now = useStore(session)
  const hasEnded = now.status === 'visitor' && now.hasEnded
  return (
    <div class="login">
      <Page title="Log in" width="narrow">
        {hasEnded && (
          <Notice kind="plain" icon="info">
            Your session has ended. Log in again to go on.
          </Notice>
        )}
        {!hasEnded && query.has('next') && <p class="muted">That page is for the owner of this server.</p>}
        <LoginForm />
      </Page>
    </div>
  )
}

function LoginForm() {
  const [passphrase, setPassphrase] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const focusField = () => form.current?.querySelector<HTMLInputElement>('input[type=password]')?.focus()
  useEffect(focusField, [])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    try {
      if (passphrase === '') throw new ApiError(0, { code: 'EMPTY', message: 'Type the passphrase.' })
      await startSession(passphrase)
    } catch (error) {
      setProblem(explain(asApiError(error)))
      setBusy(false)
      focusField()
    }
  }
  return (
    <form class="form" ref={form} noValidate onSubmit={(event) => void submit(event)}>
      {/* Password managers want a name to keep the passphrase under. */}
      <input
        class="visually-hidden"
        type="text"
        name="username"
        value="owner"
        autocomplete="username"
        readOnly
        hidden
      />
      <TextField
        label="Passphrase"
        hint="The shared secret that this server was started with."
        type="password"
        name="passphrase"
        autocomplete="current-password"
        value={passphrase}
        onValue={setPassphrase}
      />
      <div class="login-problem" role="alert">
        {problem && <p class="field-error">{problem}</p>}
      </div>
      <Button type="submit" kind="primary" isBusy={isBusy}>
        {isBusy ? 'Logging in…' : 'Log in'}
      </Button>
    </form>
  )
}

function explain(error: ApiError): string {
  if (error.status === 401) return 'That passphrase is not right. Check it and try again.'
  if (error.status !== 429) return [error.message, error.hint].filter(Boolean).join(' ')
  const wait = error.retryAfterSeconds
  return wait === null
    ? 'Too many wrong attempts. Wait a little, then try again.'
    : `Too many wrong attempts. Try again in ${formatDuration(wait)}.`
}
