import { useState } from 'preact/hooks'
import { deleteGuestLink, disableGuestLink, enableGuestLink, listGuestLinks, restoreGuestLink } from '../api.ts'
import { asApiError } from '../api-error.ts'
import { attempt } from '../attempt.ts'
import { formatLifetime } from '../expiry.ts'
import { formatBytes, formatDateTime, plural } from '../format.ts'
import { guestLinkUrl } from '../place.ts'
import { Link, useLocation } from '../router.tsx'
import { toast } from '../toasts.ts'
import type { GuestLink } from '../views.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { ConfirmDialog } from '../ui/dialog.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { Empty, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { QrButton } from '../ui/qr-code.tsx'

export function GuestLinksPage() {
  const links = useLoaded('links', listGuestLinks)
  const isEmpty = links.data?.length === 0
  const add = (
    <ButtonLink href="/guest-links/new" kind="primary" icon="plus">
      New guest link
    </ButtonLink>
  )
  return (
    <Page
      title="Guest links"
      lead="Whoever has such a link can send you files without a login."
      actions={isEmpty ? undefined : add}
    >
      <Show from={links}>
        {(list) =>
          isEmpty ? (
            <Empty icon="guests" title="No guest links yet">
              <p>
                Make one for a colleague or a client. You set how long it works, how much and how many files it takes.
              </p>
              {add}
            </Empty>
          ) : (
            <LinkList links={list} onChange={links.reload} />
          )
        }
      </Show>
      <p class="muted section">
        Deleted links are in the <Link href="/trash">trash</Link> for a while.
      </p>
    </Page>
  )
}

function LinkList({ links, onChange }: { links: readonly GuestLink[]; onChange: () => void }) {
  const { query } = useLocation()
  const made = links.find(({ id }) => id === query.get('new'))
  return (
    <>
      {made && (
        <Notice kind="good" icon="check">
          The link is ready. Copy it and hand it over.
        </Notice>
      )}
      <ul class="cards">
        {links.map((link) => (
          <LinkCard key={link.id} link={link} isNew={link === made} onChange={onChange} />
        ))}
      </ul>
    </>
  )
}

function LinkCard({ link, isNew, onChange }: { link: GuestLink; isNew: boolean; onChange: () => void }) {
  const state = stateOf(link)
  const url = guestLinkUrl(link.id)
  return (
    <li class={isNew ? 'card highlighted' : 'card'}>
      <header class="card-head">
        <h2>{link.label === null ? 'Without a label' : <Name text={link.label} />}</h2>
        <span class={`state ${state.kind}`}>{state.label}</span>
      </header>
      <p class="mono link-text">{url}</p>
      {link.greeting !== null && (
        <p>
          The guest reads: “<Name text={link.greeting} />”
        </p>
      )}
      <p class="muted">{tellLimits(link)}</p>
      <div class="actions">
        <CopyButton text={url} label="Copy link" kind={isNew ? 'primary' : 'plain'} />
        <QrButton url={url} />
        <ToggleButton link={link} onChange={onChange} />
        <DeleteButton link={link} onChange={onChange} />
      </div>
    </li>
  )
}

function ToggleButton({ link: { id, isDisabled }, onChange }: { link: GuestLink; onChange: () => void }) {
  const [isBusy, setBusy] = useState(false)
  const toggle = async () => {
    setBusy(true)
    try {
      await (isDisabled ? enableGuestLink(id) : disableGuestLink(id))
      toast(isDisabled ? 'The link takes files again.' : 'The link is switched off.')
      onChange()
    } catch (error) {
      toast(`Not changed: ${asApiError(error).message}`, 'bad')
    }
    setBusy(false)
  }
  return (
    <Button isBusy={isBusy} onClick={() => void toggle()}>
      {isDisabled ? 'Enable' : 'Disable'}
    </Button>
  )
}

function DeleteButton({ link, onChange }: { link: GuestLink; onChange: () => void }) {
  const [isOpen, setOpen] = useState(false)
  const undo = async () => {
    await attempt(async () => restoreGuestLink(link.id), 'The guest link is back.')
    onChange()
  }
  const remove = async () => {
    await deleteGuestLink(link.id)
    toast('The guest link is in the trash.', 'good', { label: 'Undo', run: () => void undo() })
    onChange()
  }
  return (
    <>
      <Button icon="trash" onClick={() => setOpen(true)}>
        Delete
      </Button>
      {isOpen && (
        <ConfirmDialog
          title="Delete this guest link?"
          action="Delete the link"
          onConfirm={remove}
          onClose={() => setOpen(false)}
        >
          <p>
            “<Name text={link.label ?? link.id} />” stops working at once and goes to the trash, where it can be brought
            back for a while. Files that were sent by it ({link.uploadCount}) stay where they are.
          </p>
        </ConfirmDialog>
      )}
    </>
  )
}

function stateOf(link: GuestLink): { kind: 'good' | 'off'; label: string } {
  if (link.isActive) return { kind: 'good', label: 'Active' }
  if (link.isDisabled) return { kind: 'off', label: 'Disabled' }
  const isUsedUp = link.maxFileUploads !== null && link.uploadCount >= link.maxFileUploads
  return { kind: 'off', label: isUsedUp ? 'Used up' : 'Expired' }
}

function tellLimits(link: GuestLink): string {
  const { uploadCount, maxFileUploads, maxFileBytes, fileLifetimeMs, urlExpiresAt } = link
  return [
    maxFileUploads === null
      ? `${plural(uploadCount, 'file')} sent`
      : `${uploadCount} of ${plural(maxFileUploads, 'file')} sent`,
    maxFileBytes === null ? 'any size' : `up to ${formatBytes(maxFileBytes)} each`,
    fileLifetimeMs === null ? 'files stay' : `files kept ${formatLifetime(fileLifetimeMs)} at most`,
    urlExpiresAt === null ? 'link never expires' : `link until ${formatDateTime(urlExpiresAt)}`,
  ].join(' · ')
}
