/** The owner's view of the builds that are recorded in the data folder: list, one build, its history, its log, live. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import parseRange from 'range-parser'
import { z } from 'zod'
import { beginEvents, messageOf, VERSION } from '../../base/index.ts'
import { listBuilds, stateSummary, versionOf, type BuildStates } from './listing.ts'
import { chunks, openLog, readableChunks, tailStart } from './log-file.ts'
import { knownMetadata } from './metadata.ts'
import { buildStatus, buildSummary, buildView, viewBuild } from './views.ts'
import { requireBuild, watchBuild, type BuildEvent } from './watch.ts'
import { BuildError } from '../errors.ts'

export interface BuildRoutesDependencies {
  /** Absolute. Logs are read from its `builds`. */
  dataFolder: string
  states: BuildStates
  /** Aborts when the server is about to stop: live pages end. */
  ending: AbortSignal
}

const tags = ['builds']
/** A watcher is asked to come back after this long: its login may have ended meanwhile. */
const MAX_WATCH_MS = 900_000

const buildParams = z.object({
  state: z.string(),
  name: z.string().describe("The build's name, percent-encoded with its slashes"),
})

const listQuery = z.object({
  state: z.string().optional().describe('One state only'),
  status: buildStatus.optional(),
  after: z
    .string()
    .regex(/^[\w-]{0,8000}$/)
    .optional()
    .describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})

const listAnswer = z
  .object({
    states: z.array(stateSummary).describe('All states, whatever is asked for'),
    builds: z.array(buildSummary).describe('State by state; in each the build that was saved last comes first'),
    next: z.string().nullable().describe('For `after`; null on the last page'),
  })
  .meta({ id: 'BuildList' })

const historyQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) })

const buildSave = z
  .object({ serial: z.int(), at: z.iso.datetime(), who: z.string(), operation: z.string() })
  .describe('A save of the state that changed the build')
  .meta({ id: 'BuildSave' })

const historyAnswer = z.object({ history: z.array(buildSave) }).meta({ id: 'BuildHistory' })

const logQuery = z.object({
  tail: z.coerce.number().int().min(0).optional().describe('Only the lines within so many bytes of its end'),
})

/** Adds the routes. Nothing of the state room is loaded before the first request that needs it. */
export function buildRoutes(instance: FastifyInstance, deps: BuildRoutesDependencies): void {
  recordRoutes(instance, deps)
  logRoute(instance, deps)
  eventsRoute(instance, deps)
}

function recordRoutes(instance: FastifyInstance, { states }: BuildRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/builds',
    { schema: { summary: 'List states and builds', tags, querystring: listQuery, response: { 200: listAnswer } } },
    async (request, reply) => {
      const version = createHash('sha256').update(JSON.stringify([VERSION, request.query]))
      const etag = `"${version.update(await versionOf(states)).digest('base64url')}"`
      reply.headers({ etag, 'cache-control': 'private, no-cache' })
      const untyped: FastifyReply = reply
      if (request.headers['if-none-match'] === etag) return untyped.code(304).send()
      const page = await listBuilds(states, request.query)
      // Packer's end changes no state when no process records it.
      if (page.builds.some(({ workedOnBy }) => workedOnBy === 'packer')) reply.removeHeader('etag')
      return page
    },
  )

  app.get(
    '/api/builds/:state/:name',
    { schema: { summary: 'One build', tags, params: buildParams, response: { 200: buildView } } },
    async ({ params }) => {
      const { build, worker } = await requireBuild({ states, ...params })
      return viewBuild(params.state, build, worker)
    },
  )

  app.get(
    '/api/builds/:state/:name/history',
    {
      schema: {
        summary: 'The saves that changed a build, newest first, as far as they are kept',
        tags,
        params: buildParams,
        querystring: historyQuery,
        response: { 200: historyAnswer },
      },
    },
    async ({ params, query }) => {
      await requireBuild({ states, ...params })
      const saves = await states.use(params.state, async (state) => state.history({ ...query, build: params.name }))
      const history = saves.map(({ serial, at, who, operation }) => {
        return { serial, at: new Date(at).toISOString(), who, operation }
      })
      return { history }
    },
  )
}

function logRoute(instance: FastifyInstance, { dataFolder, states }: BuildRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/builds/:state/:name/log',
    {
      schema: {
        summary: "What the build's last run wrote, as text; with Range the bytes as Packer wrote them",
        tags,
        produces: ['text/plain'],
        params: buildParams,
        querystring: logQuery,
      },
    },
    async (request, reply) => {
      const { build } = await requireBuild({ states, ...request.params })
      const path = knownMetadata(build).run?.log ?? null
      const file = path === null ? null : await openLog(dataFolder, path)
      if (!file) throw new BuildError('NOT_FOUND', 'this build has no log, or no longer')
      reply.type('text/plain; charset=utf-8').headers({ 'cache-control': 'no-store', 'accept-ranges': 'bytes' })
      try {
        const { range } = request.headers
        const body = range === undefined ? await tail(file, request.query.tail) : await rangeOf(file, range, reply)
        return await reply.send(closing(file, body))
      } catch (error) {
        await file.close()
        throw error
      }
    },
  )
}

async function tail(file: FileHandle, bytes: number | undefined): Promise<AsyncIterable<string>> {
  const { size } = await file.stat()
  return readableChunks(file, bytes === undefined ? 0 : await tailStart(file, size, bytes), size)
}

/** @throws RANGE_NOT_SATISFIABLE */
async function rangeOf(file: FileHandle, range: string, reply: FastifyReply): Promise<AsyncIterable<Buffer>> {
  const { size } = await file.stat()
  const parsed = parseRange(size, range, { combine: true })
  const only = Array.isArray(parsed) && parsed.type === 'bytes' && parsed.length === 1 ? parsed[0] : undefined
  if (parsed === -1) {
    reply.header('content-range', `bytes */${size}`)
    throw new BuildError('RANGE_NOT_SATISFIABLE', `no part of ${range} lies inside the log of ${size} bytes`)
  }
  const { start, end } = only ?? { start: 0, end: size - 1 }
  if (only) reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`)
  reply.header('content-length', end + 1 - start)
  return chunks(file, start, end + 1)
}

function closing(file: FileHandle, body: AsyncIterable<string | Buffer>): Readable {
  const stream = Readable.from(body, { objectMode: false })
  stream.once('close', () => void file.close())
  return stream
}

function eventsRoute(instance: FastifyInstance, { dataFolder, states, ending }: BuildRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/builds/:state/:name/events',
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'A build as it goes on, as server-sent events: build, log, problem',
        tags,
        produces: ['text/event-stream'],
        params: buildParams,
      },
    },
    async (request, reply) => {
      // Before anything is sent: a missing log is a 404.
      await requireBuild({ states, ...request.params })
      const gone = beginEvents(reply)
      const signal = AbortSignal.any([gone, ending, AbortSignal.timeout(MAX_WATCH_MS)])
      try {
        for await (const event of watchBuild({ dataFolder, states, ...request.params }, signal)) {
          if (!reply.raw.write(format(event))) await once(reply.raw, 'drain', { signal })
        }
      } catch (error) {
        if (!signal.aborted) request.log.error({ reason: messageOf(error) }, 'a live build page was cut off')
      }
      reply.raw.end()
    },
  )
}

function format(event: BuildEvent): string {
  if (event.event === 'heartbeat') return ': still here\n\n'
  return `event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`
}
