import { formatBytes, formatCount } from '../format.ts'
import { fileUrl } from '../place.ts'
import { navigate } from '../router.tsx'
import type { SharedFile } from '../../client/api-types.ts'
import { IconLink } from '../ui/button.tsx'
import { CopyIconButton } from '../ui/copy-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { Name } from '../ui/name.tsx'
import { Ago, Expiry } from '../ui/time.tsx'
import { visibleName, visibleNote } from '../visible-text.ts'
import { COLUMNS, sortedBy, viewHref, type FilesView } from './files-query.ts'

/** The roles are spelled out because a phone shows the rows as cards, and a changed `display` would drop them. */
export function FilesTable({ view, files }: { view: FilesView; files: readonly SharedFile[] }) {
  return (
    <table class="table files-table" role="table">
      <caption class="visually-hidden">Files on this server</caption>
      <thead role="rowgroup">
        <tr role="row">
          {COLUMNS.map((column) => (
            <SortHeader key={column.key} view={view} column={column} />
          ))}
          <th scope="col" role="columnheader">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {files.map((file) => (
          <FileRow key={file.id} file={file} />
        ))}
      </tbody>
    </table>
  )
}

function SortHeader({ view, column }: { view: FilesView; column: (typeof COLUMNS)[number] }) {
  const isSorted = view.sort === column.key
  const order = view.order === 'asc' ? 'ascending' : 'descending'
  return (
    <th scope="col" role="columnheader" class={`col-${column.key}`} aria-sort={isSorted ? order : 'none'}>
      <button type="button" onClick={() => navigate(viewHref(sortedBy(view, column.key)))}>
        {column.label}
        {isSorted && <Icon name={view.order === 'asc' ? 'up' : 'down'} />}
      </button>
    </th>
  )
}

function FileRow({ file }: { file: SharedFile }) {
  return (
    <tr role="row">
      <td role="cell" class="col-name">
        <NameCell file={file} />
      </td>
      <td role="cell" class="col-size">
        {formatBytes(file.sizeBytes)}
      </td>
      <td role="cell" class="col-uploaded">
        <span class="card-label">uploaded</span> <Ago at={file.uploadedAt} />
      </td>
      <td role="cell" class="col-expires">
        <span class="card-label">expires</span> <Expiry at={file.expiresAt} />
      </td>
      <td role="cell" class="col-downloads">
        {formatCount(file.downloadCount)}
        {file.maxDownloads !== null && <span class="muted"> of {formatCount(file.maxDownloads)}</span>}
        <span class="card-label"> downloads</span>
      </td>
      <td role="cell" class="col-actions">
        <RowActions file={file} />
      </td>
    </tr>
  )
}

function NameCell({ file }: { file: SharedFile }) {
  const name = visibleName(file.filename)
  return (
    <>
      <span class="file-line">
        <a class="file-name" href={fileUrl(file.id)} target="_blank" rel="noreferrer" title={name}>
          <bdi>{name}</bdi>
        </a>
        {file.hasPassphrase && (
          <span class="tag picture" title="Needs a passphrase">
            <Icon name="key" />
            <span class="visually-hidden">Needs a passphrase</span>
          </span>
        )}
        {file.guestLink && (
          <span class="tag">
            <Name text={file.guestLink.label ?? 'guest'} />
          </span>
        )}
      </span>
      {file.note && (
        <p class="file-note" title={visibleNote(file.note)}>
          <bdi>{visibleNote(file.note)}</bdi>
        </p>
      )}
    </>
  )
}

function RowActions({ file: { id, filename } }: { file: SharedFile }) {
  const name = visibleName(filename)
  return (
    <div class="row-actions">
      <CopyIconButton text={fileUrl(id)} label={`Copy the link to ${name}`} />
      <IconLink href={`/files/${id}/info`} icon="info" label={`Details of ${name}`} />
      <IconLink href={`/files/${id}/edit`} icon="edit" label={`Edit ${name}`} />
      <IconLink href={`/files/${id}/confirm-delete`} icon="trash" label={`Delete ${name}`} />
    </div>
  )
}
