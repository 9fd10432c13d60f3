import { useMemo } from 'preact/hooks'
import { formatBytes, formatDuration, formatPercent, formatRate, plural } from '../format.ts'
import { Bar } from '../ui/bar.tsx'
import { Button, ButtonLink, IconButton } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { Icon, type IconName } from '../ui/icon.tsx'
import { LinkRow } from '../ui/link-row.tsx'
import { Name } from '../ui/name.tsx'
import { QrButton } from '../ui/qr-code.tsx'
import { useStore } from '../use-store.ts'
import { visibleName } from '../visible-text.ts'
import { isUnderWay, summarize, type Job, type UploadItem, type UploadQueue, type UploadState } from './queue.ts'
import { secondsLeft } from './rate.ts'

interface Links {
  url: string
  /** The same with the file's name at its end. */
  namedUrl: string
  /** The page about the file; absent for guests. */
  details?: string
}

interface Props<J extends Job, R> {
  queue: UploadQueue<J, R>
  linksOf: (result: R, job: J) => Links
}

export function UploadRows<J extends Job, R>({ queue, linksOf }: Props<J, R>) {
  const items = useStore(queue)
  if (items.length === 0) return null
  return (
    <section class="uploads" aria-labelledby="uploads-title">
      <header class="uploads-head">
        <h2 id="uploads-title">Uploads</h2>
        <p class="muted">{tell(items)}</p>
        {items.some((item) => !isUnderWay(item)) && (
          <Button kind="quiet" onClick={() => queue.clear()}>
            Clear finished
          </Button>
        )}
      </header>
      <ul class="upload-list">
        {items.map((item) => (
          <Row key={item.id} item={item} queue={queue} linksOf={linksOf} />
        ))}
      </ul>
    </section>
  )
}

function tell(items: readonly UploadItem<Job, unknown>[]): string {
  const { underWay, done, failed, bytesPerSecond, sentBytes, totalBytes } = summarize(items)
  const parts: string[] = []
  if (underWay > 0) {
    parts.push(`${plural(underWay, 'file')} to go`, `${formatPercent(sentBytes / Math.max(1, totalBytes))} of all`)
    const left = secondsLeft(totalBytes - sentBytes, bytesPerSecond)
    if (left !== null && left >= 1) parts.push(`${formatDuration(left)} left`)
  }
  if (done > 0) parts.push(`${done} done`)
  if (failed > 0) parts.push(`${failed} failed`)
  return parts.join(' · ')
}

type RowProps<J extends Job, R> = Props<J, R> & { item: UploadItem<J, R> }

const ICONS: Record<UploadState, IconName> = {
  waiting: 'file',
  sending: 'upload',
  finishing: 'upload',
  done: 'check',
  failed: 'alert',
  refused: 'alert',
  cancelled: 'close',
}

function Row<J extends Job, R>({ item, queue, linksOf }: RowProps<J, R>) {
  // Preact skips an element that is the same as last time: only rows that change are drawn.
  return useMemo(
    () => (
      <li class={`upload ${item.state}`}>
        <span class="upload-icon">
          <Icon name={ICONS[item.state]} />
        </span>
        <div class="upload-main">
          <p class="upload-name">
            <Name text={item.job.name} /> <span class="muted nowrap">{formatBytes(item.job.sizeBytes)}</span>
          </p>
          <RowBody item={item} linksOf={linksOf} />
          <RetryButton item={item} queue={queue} />
        </div>
        <RowEnd item={item} queue={queue} />
      </li>
    ),
    [item],
  )
}

function RowBody<J extends Job, R>({ item, linksOf }: Omit<RowProps<J, R>, 'queue'>) {
  if (item.result !== null) return <DoneBody {...linksOf(item.result, item.job)} />
  if (item.error) {
    return (
      <p class="upload-error">
        {item.error.message} {item.error.hint}
      </p>
    )
  }
  if (item.state === 'waiting') return <p class="muted">Waiting for its turn</p>
  if (item.state === 'cancelled') return <p class="muted">Cancelled</p>
  return (
    <>
      <Bar value={item.sentBytes} max={item.job.sizeBytes} label={`Upload of ${visibleName(item.job.name)}`} />
      <p class="upload-facts">{tellProgress(item)}</p>
    </>
  )
}

function tellProgress({ state, sentBytes, bytesPerSecond, job }: UploadItem<Job, unknown>): string {
  if (state === 'finishing') return 'All sent. The server is putting it in its place…'
  const parts = [formatPercent(sentBytes / Math.max(1, job.sizeBytes)), `${formatBytes(sentBytes)} sent`]
  const left = secondsLeft(job.sizeBytes - sentBytes, bytesPerSecond)
  if (left !== null && bytesPerSecond !== null) parts.push(formatRate(bytesPerSecond), `${formatDuration(left)} left`)
  else if (bytesPerSecond !== null) parts.push('nothing is moving, still trying')
  return parts.join(' · ')
}

function DoneBody({ url, namedUrl, details }: Links) {
  return (
    <>
      <LinkRow label="Link" url={url} />
      <LinkRow label="With the name" url={namedUrl} />
      <div class="actions tight">
        <CopyButton text={url} label="Copy link" kind="primary" />
        <a class="button plain" href={url} target="_blank" rel="noreferrer">
          <Icon name="open" />
          <span>Open</span>
        </a>
        <QrButton url={url} />
        {details && <ButtonLink href={details}>Details</ButtonLink>}
      </div>
    </>
  )
}

type ActionProps<J extends Job, R> = Omit<RowProps<J, R>, 'linksOf'>

function RetryButton<J extends Job, R>({ item: { id, state }, queue }: ActionProps<J, R>) {
  if (state !== 'failed' && state !== 'cancelled') return null
  return (
    <div class="actions tight">
      <Button icon="retry" onClick={() => queue.retry(id)}>
        Retry
      </Button>
    </div>
  )
}

function RowEnd<J extends Job, R>({ item, queue }: ActionProps<J, R>) {
  const { id, job } = item
  return isUnderWay(item) ? (
    <IconButton icon="close" label={`Cancel the upload of ${visibleName(job.name)}`} onClick={() => queue.cancel(id)} />
  ) : (
    <IconButton icon="close" label={`Take ${visibleName(job.name)} off this list`} onClick={() => queue.remove(id)} />
  )
}
