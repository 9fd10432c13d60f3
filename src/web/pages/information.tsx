import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { getSystem } from '../api.ts'
import { formatBytes, formatDuration, formatPercent, formatRate, plural } from '../format.ts'
import { Link } from '../router.tsx'
import type { ActiveUpload, SystemInfo } from '../../client/api-types.ts'
import { Bar } from '../ui/bar.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Page } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { secondsLeft } from '../upload/rate.ts'

const REFRESH_MS = 2000
/** From here on the bar warns. */
const FULL = 0.9

export function InformationPage() {
  const system = useLoaded('system', getSystem)
  useEffect(() => {
    // A hidden tab needs no fresh data.
    const refresh = () => document.hidden || system.reload()
    const timer = setInterval(refresh, REFRESH_MS)
    return () => clearInterval(timer)
  }, [])
  return (
    <Page title="System" width="narrow">
      <Show from={system}>{(info) => <Facts info={info} />}</Show>
    </Page>
  )
}

function Facts({ info }: { info: SystemInfo }) {
  return (
    <>
      <Disk info={info} />
      <div class="tiles">
        <Tile name={plural(info.files.count, 'file')}>{formatBytes(info.files.totalBytes)}</Tile>
        <Tile name="Trash">
          <Link href="/trash">{formatBytes(info.trash.totalBytes)}</Link>
        </Tile>
        <Tile name="Memory">{formatBytes(info.memoryBytes)}</Tile>
        <Tile name="Running for">{formatDuration(info.uptimeSeconds)}</Tile>
        <Tile name="Largest file">
          {info.maxFileSizeBytes === null ? 'no limit' : formatBytes(info.maxFileSizeBytes)}
        </Tile>
        <Tile name="Version">{info.version}</Tile>
      </div>
      <section class="section" aria-labelledby="active-title">
        <h2 id="active-title">Uploads under way</h2>
        {info.uploads.length === 0 ? (
          <p class="muted">None at the moment.</p>
        ) : (
          <ul class="lines">
            {info.uploads.map((upload) => (
              <Upload key={upload.id} upload={upload} />
            ))}
          </ul>
        )}
      </section>
    </>
  )
}

/** Nothing for a store that knows no limit. */
function Disk({ info: { disk, availableForUploadsBytes } }: { info: SystemInfo }) {
  if (!disk) return null
  const used = disk.totalBytes - disk.freeBytes
  const isFull = used / disk.totalBytes > FULL
  return (
    <section class="card disk" aria-labelledby="disk-title">
      <header class="card-head">
        <h2 id="disk-title">Disk</h2>
        <span class="muted">{formatPercent(used / disk.totalBytes)} used</span>
      </header>
      <Bar value={used} max={disk.totalBytes} label="Disk space used" kind={isFull ? 'bad' : 'plain'} />
      <p>
        <strong>{formatBytes(disk.freeBytes)} free</strong> of {formatBytes(disk.totalBytes)}, of which{' '}
        {formatBytes(availableForUploadsBytes ?? disk.freeBytes)} can be uploaded.
      </p>
    </section>
  )
}

function Tile({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <dl class="tile">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </dl>
  )
}

function Upload({ upload: { id, bytes, totalBytes, bytesPerSecond, startedAt } }: { upload: ActiveUpload }) {
  const left = totalBytes === null ? null : secondsLeft(totalBytes - bytes, bytesPerSecond)
  const size = totalBytes === null ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
  return (
    <li class="active-upload">
      <p>
        <span class="mono">{id}</span>{' '}
        <span class="muted">
          started <Ago at={startedAt} />
        </span>
      </p>
      {totalBytes !== null && <Bar value={bytes} max={totalBytes} label={`Upload ${id}`} />}
      <p class="muted">
        {size} · {formatRate(bytesPerSecond)}
        {left !== null && ` · ${formatDuration(left)} left`}
      </p>
    </li>
  )
}
