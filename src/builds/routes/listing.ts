/**
 * Pages of the builds of all states: state after state, in each the latest save comes first. A state is
 * read through for a page, in flat memory and in steps short enough for the event loop: 1,000,000 builds take a
 * second or two.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { z } from 'zod'
import { HoldfastError } from '../../base/index.ts'
import type { Build, BuildStatus, StateManager } from '../../state/index.ts'
import { buildStatus, viewSummary, type BuildSummary } from './views.ts'
import { workerOf, type Worker } from './worker.ts'
import { BuildError } from '../errors.ts'

/** The states of the data folder, as the server has them. */
export interface BuildStates {
  names(): Promise<string[]>
  /** Runs `read` on a state; again if it was restored meanwhile. @throws NOT_FOUND when there is none. */
  use<T>(name: string, read: (state: StateManager) => Promise<T>): Promise<T>
}

export interface ListQuery {
  /** One state only. */
  state?: string | undefined
  status?: BuildStatus | undefined
  /** `next` of the page before. */
  after?: string | undefined
  limit: number
}

export const stateSummary = z
  .object({
    name: z.string(),
    builds: z.int(),
    statuses: z.partialRecord(buildStatus, z.int()).describe('How many builds have each status'),
    problem: z.object({ code: z.string(), message: z.string() }).nullable().describe('Why it cannot be read'),
  })
  .meta({ id: 'BuildState' })

export type StateSummary = z.infer<typeof stateSummary>

export interface BuildPage {
  states: StateSummary[]
  builds: BuildSummary[]
  /** For the next page; null when this is the last. */
  next: string | null
}

/** Entries between two turns of the event loop: some milliseconds of work. */
const ENTRIES_A_TURN = 1000

const cursor = z.object({ state: z.string(), serial: z.int(), name: z.string() })
type Cursor = z.infer<typeof cursor>
type Place = Pick<Cursor, 'serial' | 'name'>

/** @throws INVALID_REQUEST for an `after` that no page gave. */
export async function listBuilds(states: BuildStates, query: ListQuery): Promise<BuildPage> {
  const after = query.after === undefined ? null : parseCursor(query.after)
  const page: BuildPage = { states: [], builds: [], next: null }
  let last: Cursor | null = null
  let hasMore = false
  for (const name of await states.names()) {
    const isAsked = (query.state ?? name) === name && name >= (after?.state ?? '')
    const want = {
      isAsked,
      room: query.limit - page.builds.length,
      status: query.status,
      after: after?.state === name ? after : null,
    }
    const summary: StateSummary = { name, builds: 0, statuses: {}, problem: null }
    page.states.push(summary)
    try {
      const part = await states.use(name, async (state) => readPart(state, want))
      summary.builds = part.buildCount
      summary.statuses = part.statuses
      page.builds.push(...part.builds.map(({ build, worker }) => viewSummary(name, build, worker)))
      hasMore ||= part.hasMore
      const end = part.places.at(-1)
      if (end) last = { state: name, serial: end.serial, name: end.name }
    } catch (error) {
      summary.problem = problemOf(error)
    }
  }
  if (hasMore && last) page.next = formatCursor(last)
  return page
}

/** What changes whenever a page may: which states there are, the newest save of each, and who works on it. */
export async function versionOf(states: BuildStates): Promise<string> {
  const parts: unknown[] = []
  for (const name of await states.names()) {
    try {
      const [head, holder] = await states.use(
        name,
        async (state) => [await state.head(), await state.holder()] as const,
      )
      parts.push([name, head.lineage, head.serial, holder?.id, holder?.status])
    } catch (error) {
      parts.push([name, problemOf(error)])
    }
  }
  return JSON.stringify(parts)
}

interface Wanted {
  /** Whether builds of this state are to be shown at all, beside being counted. */
  isAsked: boolean
  /** How many at most. */
  room: number
  status: BuildStatus | undefined
  after: Place | null
}

export interface WorkedOn {
  build: Build
  worker: Worker | null
}

/** What one state gives to a page. */
interface Part {
  buildCount: number
  statuses: StateSummary['statuses']
  /** Of the builds on the page. */
  places: Place[]
  builds: WorkedOn[]
  /** Whether there are others after them. */
  hasMore: boolean
}

async function readPart(state: StateManager, { isAsked, room, status, after }: Wanted): Promise<Part> {
  const { buildCount } = await state.head()
  const statuses: Part['statuses'] = {}
  let newest: Place[] = []
  let [seen, fitting] = [0, 0]
  for await (const entry of state.entries()) {
    if (++seen % ENTRIES_A_TURN === 0) await nextTurn()
    const itsStatus = entry.status as BuildStatus
    statuses[itsStatus] = (statuses[itsStatus] ?? 0) + 1
    if (!isAsked || (status ?? itsStatus) !== itsStatus || (after && compare(entry, after) <= 0)) continue
    fitting += 1
    newest.push({ serial: entry.serial, name: entry.name })
    if (newest.length > room + ENTRIES_A_TURN) newest = newest.toSorted(compare).slice(0, room)
  }
  const places = newest.toSorted(compare).slice(0, room)
  const builds: WorkedOn[] = []
  for (const { name } of places) {
    const build = await state.get(name)
    // It may have been removed since.
    if (build) builds.push({ build, worker: await workerOf(state, build) })
  }
  return { buildCount, statuses, places, builds, hasMore: fitting > places.length }
}

function compare(a: Place, b: Place): number {
  if (a.serial !== b.serial) return b.serial - a.serial
  if (a.name === b.name) return 0
  return a.name < b.name ? -1 : 1
}

/** A damaged state must not hide the others, nor must a state that a newer Holdfast wrote. */
function problemOf(error: unknown): NonNullable<StateSummary['problem']> {
  // A fault of ours says nothing of the state.
  if (!(error instanceof HoldfastError)) throw error
  return { code: error.code, message: error.message }
}

function formatCursor(last: Cursor): string {
  return Buffer.from(JSON.stringify(last)).toString('base64url')
}

function parseCursor(text: string): Cursor {
  try {
    return cursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
  } catch (error) {
    throw new BuildError('INVALID_REQUEST', `${JSON.stringify(text.slice(0, 40))} is not the "next" of a page`, {
      hint: 'Leave "after" out for the first page.',
      cause: error,
    })
  }
}
