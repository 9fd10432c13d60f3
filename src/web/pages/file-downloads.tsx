import { listDownloads } from '../api.ts'
import { formatDateTime, plural } from '../format.ts'
import type { Download, SharedFile } from '../../client/api-types.ts'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { Empty } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { describeUserAgent } from '../user-agent.ts'
import { visibleName } from '../visible-text.ts'
import { OneFile } from './one-file.tsx'

export function FileDownloadsPage({ id }: { id: string }) {
  return <OneFile id={id}>{(file) => <DownloadLog file={file} />}</OneFile>
}

function DownloadLog({ file }: { file: SharedFile }) {
  const log = useLoaded(file.id, (signal) => listDownloads(file.id, signal))
  return (
    <Page title="Downloads" width="narrow" lead={log.data ? plural(log.data.total, 'download') : undefined}>
      <Show from={log}>
        {({ downloads, total }) =>
          total === 0 ? (
            <Empty icon="download" title="Not downloaded yet">
              <p>Each download appears here with its time, its address and its browser.</p>
            </Empty>
          ) : (
            <>
              <DownloadTable downloads={downloads} />
              {total > downloads.length && <p class="muted">These are the newest {downloads.length}.</p>}
            </>
          )
        }
      </Show>
    </Page>
  )
}

function DownloadTable({ downloads }: { downloads: readonly Download[] }) {
  return (
    <table class="table downloads-table" role="table">
      <thead>
        <tr role="row">
          <th scope="col">Time</th>
          <th scope="col">Address</th>
          <th scope="col">Browser or program</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {downloads.map(({ at, clientIp, userAgent }, index) => (
          <tr role="row" key={index}>
            <td role="cell">
              <time dateTime={at}>{formatDateTime(at)}</time>
            </td>
            <td role="cell" class="mono">
              {clientIp}
            </td>
            <td role="cell" title={visibleName(userAgent)}>
              <Name text={describeUserAgent(userAgent)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
