import type { ComponentChildren } from 'preact'
import { formatBytes, formatCount, formatDateTime, plural } from '../format.ts'
import { fileUrl, namedFileUrl } from '../place.ts'
import { Link } from '../router.tsx'
import type { SharedFile } from '../../client/api-types.ts'
import { ButtonLink } from '../ui/button.tsx'
import { CopyButton, CopyIconButton } from '../ui/copy-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { LinkRow } from '../ui/link-row.tsx'
import { Name } from '../ui/name.tsx'
import { Page } from '../ui/page.tsx'
import { QrButton } from '../ui/qr-code.tsx'
import { Ago, Expiry } from '../ui/time.tsx'
import { visibleName, visibleNote } from '../visible-text.ts'
import { OneFile } from './one-file.tsx'

export function FileInfoPage({ id }: { id: string }) {
  return (
    <OneFile id={id} isInfo>
      {(file) => <FileInfo file={file} />}
    </OneFile>
  )
}

function FileInfo({ file }: { file: SharedFile }) {
  const { id, filename, sizeBytes, contentType, note } = file
  const url = fileUrl(id)
  const actions = (
    <>
      <ButtonLink href={`/files/${id}/edit`} icon="edit">
        Edit
      </ButtonLink>
      <ButtonLink href={`/files/${id}/confirm-delete`} icon="trash">
        Delete
      </ButtonLink>
    </>
  )
  const lead = `${formatBytes(sizeBytes)}${contentType ? `, ${visibleName(contentType)}` : ''}`
  return (
    <Page title={visibleName(filename)} isName width="narrow" lead={lead} actions={actions}>
      {note && (
        <p class="note lines-kept" dir="auto">
          {visibleNote(note)}
        </p>
      )}
      <section class="card" aria-label="Links">
        <LinkRow label="Link" url={url} />
        <LinkRow label="With the name" url={namedFileUrl(id, filename)} />
        <div class="actions">
          <CopyButton text={url} label="Copy link" kind="primary" />
          <QrButton url={url} />
          <a class="button plain" href={url} target="_blank" rel="noreferrer">
            <Icon name="open" />
            <span>Open</span>
          </a>
        </div>
      </section>
      <Facts file={file} />
    </Page>
  )
}

function Facts({ file }: { file: SharedFile }) {
  const { uploadedAt, expiresAt, guestLink, downloadCount, maxDownloads, hasPassphrase } = file
  return (
    <dl class="facts">
      <Fact name="Uploaded">
        <Ago at={uploadedAt} /> <span class="muted">({formatDateTime(uploadedAt)})</span>
      </Fact>
      <Fact name="Uploaded by">
        {guestLink ? (
          <>
            Guest link: <Name text={guestLink.label ?? guestLink.id} />
          </>
        ) : (
          'You'
        )}
      </Fact>
      <Fact name="Expires">
        <Expiry at={expiresAt} /> {expiresAt && <span class="muted">({formatDateTime(expiresAt)})</span>}
      </Fact>
      <Fact name="Downloads">
        {maxDownloads === null ? tellCount(downloadCount) : tellLimit(downloadCount, maxDownloads)}{' '}
        <Link href={`/files/${file.id}/downloads`}>Show the log</Link>
      </Fact>
      <Fact name="Passphrase">{hasPassphrase ? 'Needed to download' : 'None'}</Fact>
      <Fact name="Exact size">{formatCount(file.sizeBytes)} bytes</Fact>
      <Fact name="SHA-256">
        <span class="with-button">
          <span class="mono hash">{file.sha256}</span>
          <CopyIconButton text={file.sha256} label="Copy the SHA-256" />
        </span>
      </Fact>
    </dl>
  )
}

function tellCount(count: number): string {
  return count === 0 ? 'Not yet' : plural(count, 'time')
}

function tellLimit(count: number, max: number): string {
  return `${formatCount(count)} of at most ${formatCount(max)}${count >= max ? ': the link has ended' : ''}`
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
