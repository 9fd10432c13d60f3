import type { ComponentChildren } from 'preact'
import { buildLogUrl } from '../api.ts'
import { Artifacts } from '../build-view/artifacts.tsx'
import { History } from '../build-view/history.tsx'
import { useLiveBuild, useNow, type LiveBuild } from '../build-view/live.ts'
import { LogTail } from '../build-view/log.tsx'
import { headlineOf } from '../build-view/headline.ts'
import { lookOf, StatusBadge } from '../build-view/status.tsx'
import { Timeline } from '../build-view/timeline.tsx'
import { durationOf, formatTook, isAbandoned, isLive } from '../build-view/times.ts'
import { formatExactTime } from '../format.ts'
import { Link } from '../router.tsx'
import type { Build } from '../../client/api-types.ts'
import { CopyIconButton } from '../ui/copy-button.tsx'
import { Loading } from '../ui/loaded.tsx'
import { ErrorNotice, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { NotFoundPage } from './not-found.tsx'
import { buildsHref } from './builds-query.ts'

export function BuildPage({ state, id: name }: { state: string; id: string }) {
  const live = useLiveBuild(state, name)
  const { build, error, reload } = live
  if (error?.status === 404 || error?.status === 400) return <NotFoundPage />
  return (
    <>
      <nav class="crumbs wide" aria-label="Breadcrumb">
        <Link href="/builds">Builds</Link>
        <span aria-hidden="true">/</span>
        <Link href={buildsHref({ state, status: '', after: '' })}>{state}</Link>
      </nav>
      {error && <ErrorNotice error={error} onRetry={reload} />}
      {build ? <Shown build={build} live={live} /> : !error && <Loading />}
    </>
  )
}

function Shown({ build, live: { log, isConnected } }: { build: Build; live: LiveBuild }) {
  const { state, name, steps, artifacts } = build
  return (
    <Page title={name} isName lead={<Lead build={build} isConnected={isConnected} />}>
      <div class="build-notices">
        <Notices build={build} />
      </div>
      {steps.length > 0 && (
        <section class="section" aria-labelledby="steps-title">
          <h2 id="steps-title">Steps</h2>
          <Timeline build={build} />
        </section>
      )}
      {artifacts.length > 0 && <Artifacts artifacts={artifacts} />}
      {log && (log.text !== '' || isLive(build)) && <LogTail log={log} href={buildLogUrl(state, name)} />}
      <Facts build={build} />
      <History build={build} />
    </Page>
  )
}

function Lead({ build, isConnected }: { build: Build; isConnected: boolean }) {
  const { startedAt } = build
  const now = useNow(isLive(build))
  const took = durationOf(build, isLive(build) ? now : null)
  return (
    <span class="build-lead">
      <span role="status">
        <StatusBadge look={lookOf(build)} />
      </span>
      {startedAt !== null && (
        <span>
          started <Ago at={startedAt} />
          {took !== null && `, ${isLive(build) ? 'running for' : 'took'} ${formatTook(took)}`}
        </span>
      )}
      {isLive(build) && !isConnected && <span>connecting…</span>}
    </span>
  )
}

function Notices({ build }: { build: Build }) {
  const { error, note, command } = build
  const headline = headlineOf(build)
  const goesOn = tellGoOn(build)
  return (
    <>
      {error !== null && (
        <Notice kind="bad" icon="alert">
          {headline !== null && (
            <p class="lines-kept">
              <strong>{headline}</strong>
            </p>
          )}
          <p class="lines-kept">{error}</p>
        </Notice>
      )}
      {note !== null && (
        <Notice kind="plain" icon="info">
          <p class="lines-kept">{note}</p>
        </Notice>
      )}
      {goesOn !== null && command !== null && (
        <Notice kind="plain" icon="retry">
          <p>{goesOn}</p>
          <p class="command">
            <code>{command}</code>
            <CopyIconButton text={command} label="Copy the command" />
          </p>
        </Notice>
      )}
    </>
  )
}

/** The effect of building it again; `null` where a rebuild makes no sense. */
function tellGoOn(build: Build): string | null {
  const kept = 'Steps that are complete are kept wherever the builder allows it.'
  if (isAbandoned(build)) return `No process works on this build any more. To go on, build it again. ${kept}`
  if (build.workedOnBy === 'packer') {
    return 'Holdfast was ended and Packer goes on by itself. Build it again to follow it and to have the rest recorded.'
  }
  return build.status === 'failed' || build.status === 'interrupted' ? `To go on, build it again. ${kept}` : null
}

function Facts({ build }: { build: Build }) {
  const { source, template, packer, createdAt, startedAt, endedAt, fingerprint, run } = build
  return (
    <dl class="facts">
      <Fact name="Source">{source}</Fact>
      {template !== null && <Fact name="Template">{template}</Fact>}
      {packer !== null && <Fact name="Packer">{packer}</Fact>}
      {createdAt !== null && <Fact name="First recorded">{formatExactTime(createdAt)}</Fact>}
      {startedAt !== null && <Fact name="Started">{formatExactTime(startedAt)}</Fact>}
      {endedAt !== null && <Fact name="Ended">{formatExactTime(endedAt)}</Fact>}
      {run && <Fact name="Run">{tellRun(run)}</Fact>}
      {fingerprint !== null && (
        <Fact name="Fingerprint">
          <span class="with-button">
            <span class="mono hash">{fingerprint}</span>
            <CopyIconButton text={fingerprint} label="Copy the fingerprint" />
          </span>
        </Fact>
      )}
    </dl>
  )
}

function tellRun({ id, from, attempt }: NonNullable<Build['run']>): string {
  const resumed = from > 0 ? `, went on from step ${from + 1}` : ''
  return `${id}${resumed}${attempt > 1 ? `, attempt ${attempt}` : ''}`
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
