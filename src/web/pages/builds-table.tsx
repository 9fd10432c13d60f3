import type { ComponentChildren } from 'preact'
import { lookOf, StatusBadge } from '../build-view/status.tsx'
import { durationOf, formatTook, isLive } from '../build-view/times.ts'
import { Link } from '../router.tsx'
import type { BuildSummary } from '../../client/api-types.ts'
import { Ago } from '../ui/time.tsx'
import { buildHref } from './builds-query.ts'

/** The roles are spelled out because a phone shows the rows as cards, and a changed `display` would drop them. */
export function BuildsTable({ builds, hasStates }: { builds: readonly BuildSummary[]; hasStates: boolean }) {
  return (
    <table class="table builds-table" role="table">
      <caption class="visually-hidden">Builds</caption>
      <thead role="rowgroup">
        <tr role="row">
          <th scope="col" role="columnheader" class="col-status">
            Status
          </th>
          <th scope="col" role="columnheader">
            Build
          </th>
          <th scope="col" role="columnheader">
            Step
          </th>
          <th scope="col" role="columnheader" class="col-started">
            Started
          </th>
          <th scope="col" role="columnheader" class="col-took">
            Took
          </th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {builds.map((build) => (
          <Row key={`${build.state}/${build.name}`} build={build} hasStates={hasStates} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ build, hasStates }: { build: BuildSummary; hasStates: boolean }) {
  const { state, name, startedAt } = build
  const took = durationOf(build, isLive(build) ? Date.now() : null)
  const step = tellStep(build)
  return (
    <tr role="row">
      <td role="cell" class="col-status">
        <StatusBadge look={lookOf(build)} />
      </td>
      <td role="cell" class="col-name">
        <span class="file-line">
          <Link class="build-name" href={buildHref(build)} title={name}>
            <bdi>{name}</bdi>
          </Link>
          {hasStates && <span class="tag">{state}</span>}
        </span>
        <Origin build={build} />
      </td>
      <td role="cell" class="col-step">
        {step !== null && <p class="step-line">{step}</p>}
      </td>
      <td role="cell" class="col-started">
        {startedAt === null ? <span class="muted">not started</span> : <Ago at={startedAt} />}
      </td>
      <td role="cell" class="col-took">
        {took !== null && (
          <>
            <span class="card-label">{isLive(build) ? 'for' : 'took'}</span> {formatTook(took)}
          </>
        )}
      </td>
    </tr>
  )
}

/** The source, unless the name ends with it, and the template. */
function Origin({ build: { name, source, template } }: { build: BuildSummary }) {
  const parts = [name.endsWith(`/${source}`) ? '' : source, template ?? ''].filter((part) => part !== '')
  if (parts.length === 0) return null
  return (
    <p class="file-note" title={parts.join(' · ')}>
      <bdi>{parts.join(' · ')}</bdi>
    </p>
  )
}

function tellStep({ steps, currentStep, status, error }: BuildSummary): ComponentChildren {
  if (currentStep) {
    return (
      <>
        {currentStep.number} of {steps.total}: <bdi>{currentStep.name}</bdi>
      </>
    )
  }
  if (status === 'failed' && error !== null) return <span class="muted">{error}</span>
  if (steps.total === 0) return null
  return (
    <span class="muted">
      {steps.complete} of {steps.total} complete
    </span>
  )
}
