import { formatBytes, formatCount } from '../format.ts'
import type { Artifact } from '../../client/api-types.ts'
import { CopyIconButton } from '../ui/copy-button.tsx'
import { Icon } from '../ui/icon.tsx'

const SHORT_HASH = 12

export function Artifacts({ artifacts }: { artifacts: readonly Artifact[] }) {
  return (
    <section class="section" aria-labelledby="artifacts-title">
      <h2 id="artifacts-title">Artifacts</h2>
      <table class="table artifacts-table" role="table" aria-labelledby="artifacts-title">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col">File</th>
            <th scope="col">Size</th>
            <th scope="col">SHA-256</th>
            <th scope="col">Link</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {artifacts.map((artifact) => (
            <Row key={artifact.path} artifact={artifact} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Row({ artifact: { path, sizeBytes, sha256, url, type } }: { artifact: Artifact }) {
  return (
    <tr role="row">
      <td role="cell" class="col-path">
        <bdi class="mono">{path}</bdi>
        {type !== null && <span class="tag">{type}</span>}
      </td>
      <td role="cell" class="nowrap" title={`${formatCount(sizeBytes)} bytes`}>
        {formatBytes(sizeBytes)}
      </td>
      <td role="cell">
        <span class="with-button">
          <span class="mono" title={sha256}>
            {sha256.slice(0, SHORT_HASH)}
            {sha256.length > SHORT_HASH && '…'}
          </span>
          <CopyIconButton text={sha256} label={`Copy the SHA-256 of ${path}`} />
        </span>
      </td>
      <td role="cell">
        <Published url={url} />
      </td>
    </tr>
  )
}

/** A record may hold anything for an address; only the web's are made a link. */
function Published({ url }: { url: string | null }) {
  if (url === null) return <span class="muted">not published</span>
  if (!/^https?:\/\//i.test(url)) return <span class="mono link-text">{url}</span>
  return (
    <span class="with-button">
      <a href={url} target="_blank" rel="noreferrer" class="with-icon">
        <Icon name="open" />
        Open
      </a>
      <CopyIconButton text={url} label="Copy the link" />
    </span>
  )
}
