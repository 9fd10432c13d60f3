import { useEffect } from 'preact/hooks'
import { listBuilds } from '../api.ts'
import { BUILD_LOOKS } from '../build-view/status.tsx'
import { formatCount, plural } from '../format.ts'
import { navigate, useLocation } from '../router.tsx'
import type { BuildList, BuildState } from '../../client/api-types.ts'
import type { BuildQuery } from '../views.ts'
import { Button, ButtonLink } from '../ui/button.tsx'
import { CopyIconButton } from '../ui/copy-button.tsx'
import { Select } from '../ui/field.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Empty, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { BuildsTable } from './builds-table.tsx'
import { buildsHref, countBuilds, readBuildsView, STATUSES } from './builds-query.ts'

const REFRESH_MS = 2000
const FIRST_BUILD = 'holdfast build TEMPLATE'

export function BuildsPage() {
  const { query } = useLocation()
  const view = readBuildsView(query)
  const builds = useLoaded(buildsHref(view), (signal) => listBuilds(view, signal))
  useEffect(() => {
    // One after the other: a state of a million builds takes longer than that.
    if (builds.isLoading) return undefined
    // A hidden tab needs no fresh data.
    const refresh = () => document.hidden || builds.reload()
    const timer = setInterval(refresh, REFRESH_MS)
    return () => clearInterval(timer)
  }, [builds.isLoading])
  return (
    <Page title="Builds">
      <Show from={builds}>{(list) => (isEmpty(list) ? <NoBuilds /> : <Listed view={view} list={list} />)}</Show>
    </Page>
  )
}

function isEmpty({ states }: BuildList): boolean {
  return states.every(({ builds, problem }) => builds === 0 && problem === null)
}

function NoBuilds() {
  return (
    <Empty icon="builds" title="No builds yet">
      <p>
        Builds of machine images appear here with their steps, their log and what they made. Make the first one with
      </p>
      <p class="command">
        <code>{FIRST_BUILD}</code>
        <CopyIconButton text={FIRST_BUILD} label="Copy the command" />
      </p>
      <p>where TEMPLATE is a Packer template, on the machine that this server runs on and with its data folder.</p>
    </Empty>
  )
}

function Listed({ view, list }: { view: BuildQuery; list: BuildList }) {
  return (
    <>
      <Filters view={view} list={list} />
      {list.states.map((state) => (
        <Problem key={state.name} state={state} />
      ))}
      {list.builds.length === 0 ? (
        <Empty icon="search" title="No such builds">
          <p>No build is as asked for.</p>
          <ButtonLink href="/builds">Show all builds</ButtonLink>
        </Empty>
      ) : (
        <BuildsTable builds={list.builds} hasStates={list.states.length > 1} />
      )}
      <Pages view={view} next={list.next} />
    </>
  )
}

function Filters({ view, list }: { view: BuildQuery; list: BuildList }) {
  const go = (change: Partial<BuildQuery>) => navigate(buildsHref({ ...view, after: '', ...change }))
  const all = countBuilds(list, view, '')
  const statuses = STATUSES.filter((status) => status === view.status || countBuilds(list, view, status) > 0)
  const statusChoices = statuses.map((status) => {
    return { value: status, label: `${BUILD_LOOKS[status].label} (${formatCount(countBuilds(list, view, status))})` }
  })
  const states = list.states.map(({ name, builds }) => ({ value: name, label: `${name} (${formatCount(builds)})` }))
  return (
    <div class="toolbar builds-toolbar">
      <Select
        aria-label="Status"
        value={view.status}
        onValue={(status) => go(readBuildsView(new URLSearchParams({ state: view.state, status })))}
        choices={[{ value: '', label: 'Any status' }, ...statusChoices]}
      />
      {states.length > 1 && (
        <Select
          aria-label="State"
          value={view.state}
          onValue={(state) => go({ state })}
          choices={[{ value: '', label: 'All states' }, ...states]}
        />
      )}
      <p class="muted toolbar-count" role="status">
        {plural(all, 'build')}
      </p>
    </div>
  )
}

function Problem({ state: { name, problem } }: { state: BuildState }) {
  if (!problem) return null
  return (
    <Notice kind="bad" icon="alert">
      <p>
        <strong>The state {name} cannot be read.</strong> {problem.message}
      </p>
    </Notice>
  )
}

function Pages({ view, next }: { view: BuildQuery; next: string | null }) {
  if (next === null && view.after === '') return null
  const go = (after: string) => {
    navigate(buildsHref({ ...view, after }))
    window.scrollTo(0, 0)
  }
  return (
    <nav class="pages" aria-label="Pages of the list">
      <Button disabled={view.after === ''} onClick={() => go('')}>
        First
      </Button>
      <Button disabled={next === null} onClick={() => go(next ?? '')}>
        Next
      </Button>
    </nav>
  )
}
