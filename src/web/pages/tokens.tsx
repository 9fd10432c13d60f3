import { useState } from 'preact/hooks'
import { createToken, deleteToken, listTokens } from '../api.ts'
import { ApiError } from '../api-error.ts'
import { serverNow } from '../server-clock.ts'
import { toast } from '../toasts.ts'
import type { Scope, Token } from '../../client/api-types.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { ConfirmDialog, Dialog } from '../ui/dialog.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Form } from '../ui/form.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { Ago } from '../ui/time.tsx'
import { visibleName } from '../visible-text.ts'

/** API tokens: what scripts log in with. */
export function Tokens() {
  const tokens = useLoaded('tokens', listTokens)
  const [made, setMade] = useState<string | null>(null)
  const onMade = (token: string) => {
    setMade(token)
    tokens.reload()
  }
  return (
    <section class="section" aria-labelledby="tokens-title">
      <h2 id="tokens-title">API tokens</h2>
      <p class="muted">For scripts and other machines, in place of your passphrase.</p>
      <NewToken onMade={onMade} />
      <Show from={tokens}>{(list) => <TokenList tokens={list.tokens} onChange={tokens.reload} />}</Show>
      {made !== null && <MadeDialog token={made} onClose={() => setMade(null)} />}
    </section>
  )
}

const DAY_MS = 86_400_000
const SCOPES: readonly { value: Scope; label: string }[] = [
  { value: 'manage', label: 'Everything' },
  { value: 'upload', label: 'Upload only' },
  { value: 'read', label: 'Read only' },
]
const LIFETIMES = [
  { value: '', label: 'Never' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
]

function NewToken({ onMade }: { onMade: (token: string) => void }) {
  const [name, setName] = useState('')
  const [scope, setScope] = useState<string>('manage')
  const [days, setDays] = useState('')
  const create = async () => {
    if (name.trim() === '') throw new ApiError(0, { code: 'INVALID', message: 'Give the token a name first.' })
    const expiresAt = days === '' ? null : new Date(serverNow() + Number(days) * DAY_MS).toISOString()
    const { token } = await createToken({ name: name.trim(), scopes: [scope as Scope], expiresAt })
    setName('')
    onMade(token)
  }
  return (
    <Form onSubmit={create}>
      {(isBusy) => (
        <div class="inline-form">
          <TextField label="Name of a new token" placeholder="backup script" value={name} onValue={setName} />
          <SelectField label="It may do" value={scope} onValue={setScope} choices={SCOPES} />
          <SelectField label="It expires" value={days} onValue={setDays} choices={LIFETIMES} />
          <Button type="submit" icon="plus" isBusy={isBusy}>
            Create
          </Button>
        </div>
      )}
    </Form>
  )
}

function describeScopes(scopes: readonly Scope[]): string {
  return SCOPES.filter(({ value }) => scopes.includes(value))
    .map(({ label }) => label.toLowerCase())
    .join(', ')
}

function TokenList({ tokens, onChange }: { tokens: readonly Token[]; onChange: () => void }) {
  if (tokens.length === 0) return <p class="muted none-yet">No tokens yet.</p>
  return (
    <ul class="lines">
      {tokens.map((token) => (
        <li key={token.id}>
          <div>
            <strong>
              <Name text={token.name} />
            </strong>
            <p class="muted">
              {describeScopes(token.scopes)}
              {' · '}
              created <Ago at={token.createdAt} />
              {token.expiresAt !== null && (
                <>
                  {' · '}
                  expires <Ago at={token.expiresAt} />
                </>
              )}
              {' · '}
              {token.lastUsedAt === null ? (
                'never used'
              ) : (
                <>
                  used <Ago at={token.lastUsedAt} />
                </>
              )}
            </p>
          </div>
          <RevokeButton token={token} onChange={onChange} />
        </li>
      ))}
    </ul>
  )
}

function RevokeButton({ token, onChange }: { token: Token; onChange: () => void }) {
  const [isOpen, setOpen] = useState(false)
  const revoke = async () => {
    await deleteToken(token.id)
    toast(`${visibleName(token.name)} is revoked.`)
    onChange()
  }
  return (
    <>
      <Button onClick={() => setOpen(true)} aria-label={`Revoke ${visibleName(token.name)}`}>
        Revoke
      </Button>
      {isOpen && (
        <ConfirmDialog title="Revoke this token?" action="Revoke" onConfirm={revoke} onClose={() => setOpen(false)}>
          <p>
            Whatever logs in with “<Name text={token.name} />” is refused from now on.
          </p>
        </ConfirmDialog>
      )}
    </>
  )
}

function MadeDialog({ token, onClose }: { token: string; onClose: () => void }) {
  return (
    <Dialog title="Your new token" onClose={onClose}>
      <div class="dialog-text">
        <p>Copy it now: it is shown this once and cannot be looked up later.</p>
        <p class="mono secret">{token}</p>
      </div>
      <div class="actions end">
        <Button onClick={onClose}>Done</Button>
        <CopyButton text={token} label="Copy token" kind="primary" />
      </div>
    </Dialog>
  )
}
