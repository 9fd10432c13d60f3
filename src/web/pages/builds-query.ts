/** What the list of builds shows, as it stands in the page's address. */
import type { BuildList, BuildStatus } from '../../client/api-types.ts'
import type { BuildQuery } from '../views.ts'

export const STATUSES: readonly BuildStatus[] = [
  'pending',
  'creating',
  'provisioning',
  'complete',
  'failed',
  'interrupted',
]

/** Reads whatever stands in the address; what makes no sense is as if it were not there. */
export function readBuildsView(query: URLSearchParams): BuildQuery {
  const status = STATUSES.find((name) => name === query.get('status'))
  return { state: query.get('state') ?? '', status: status ?? '', after: query.get('after') ?? '' }
}

export function buildsHref(view: BuildQuery): string {
  const given = Object.entries(view).filter(([, value]) => value !== '')
  return given.length === 0 ? '/builds' : `/builds?${new URLSearchParams(given).toString()}`
}

export function buildHref({ state, name }: { state: string; name: string }): string {
  return `/builds/${encodeURIComponent(state)}/${encodeURIComponent(name)}`
}

/** How many builds there are in the states that are asked for, of one status or of all. */
export function countBuilds({ states }: BuildList, { state }: BuildQuery, status: BuildStatus | ''): number {
  const asked = states.filter(({ name }) => state === '' || name === state)
  return asked.reduce((sum, { builds, statuses }) => sum + (status === '' ? builds : (statuses[status] ?? 0)), 0)
}
