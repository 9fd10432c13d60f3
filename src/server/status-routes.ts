/** What monitors and operators ask: health, readiness, metrics, and the facts of the information page. */
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { VERSION, type Access, type Log, type Metrics } from '../base/index.ts'
import type { Share } from '../share/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import type { Draining } from './draining.ts'
import { Readiness } from './readiness.ts'
import type { StateMetrics } from './state-metrics.ts'

export interface StatusDependencies {
  share: Share
  database: Database
  blobs: BlobStore
  log: Log
  metrics: Metrics
  stateMetrics: StateMetrics
  draining: Draining
  maxFileBytes: number | null
  /** Whether metrics need no login. */
  publicMetrics: boolean
}

const tags = ['status']
const uptimeSeconds = () => Math.floor(process.uptime())

export function statusRoutes(app: FastifyInstance, deps: StatusDependencies): void {
  healthRoutes(app, deps)
  metricsRoutes(app, deps)
  systemRoute(app, deps)
}

const health = z.object({ status: z.enum(['ok', 'draining']), version: z.string(), uptime_seconds: z.int() })
const ready = z.object({ status: z.enum(['ready', 'not ready']), checks: z.record(z.string(), z.string()) })

function healthRoutes(instance: FastifyInstance, deps: StatusDependencies): void {
  const { draining } = deps
  const readiness = new Readiness(deps)
  const app = instance.withTypeProvider<ZodTypeProvider>()
  const config = { access: 'public', whileDraining: true } as const

  app.get(
    '/api/health',
    {
      config,
      schema: { summary: 'Whether the process lives; touches nothing', tags, response: { 200: health, 503: health } },
    },
    async (_request, reply) => {
      const { isDraining } = draining
      reply.code(isDraining ? 503 : 200).header('cache-control', 'no-store')
      return { status: isDraining ? 'draining' : 'ok', version: VERSION, uptime_seconds: uptimeSeconds() } as const
    },
  )

  app.get(
    '/api/ready',
    {
      config,
      schema: { summary: 'Whether uploads and downloads would work', tags, response: { 200: ready, 503: ready } },
    },
    async (_request, reply) => {
      const checks = await readiness.checks()
      const isReady = !draining.isDraining && Object.values(checks).every((outcome) => outcome === 'ok')
      reply.code(isReady ? 200 : 503).header('cache-control', 'no-store')
      return { status: isReady ? ('ready' as const) : ('not ready' as const), checks }
    },
  )
}

const metricsView = z.object({
  memory_usage_bytes: z.int().describe('Resident memory of the whole process, as the OS counts it'),
  uploads_active: z.int(),
  uploads_total: z.int().describe('Uploads that were completed since the start'),
  uploads_failed_total: z.int(),
  upload_bytes_total: z.int(),
  downloads_active: z.int(),
  downloads_total: z.int(),
  cpu_seconds_total: z.number(),
  uptime_seconds: z.int(),
})

function metricsRoutes(instance: FastifyInstance, { metrics, stateMetrics, publicMetrics }: StatusDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  const access: Access = publicMetrics ? 'public' : 'owner'
  const config = { access, whileDraining: true }

  app.get(
    '/api/metrics',
    { config, schema: { summary: 'Metrics as JSON', tags, response: { 200: metricsView } } },
    async () => {
      const read = async (name: string, outcome?: string) => {
        const { values } = (await metrics.getSingleMetric(name)?.get()) ?? { values: [] }
        return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0
      }
      return {
        memory_usage_bytes: process.memoryUsage.rss(),
        uploads_active: await read('holdfast_uploads_active'),
        uploads_total: await read('holdfast_uploads_total', 'complete'),
        uploads_failed_total: await read('holdfast_uploads_total', 'failed'),
        upload_bytes_total: await read('holdfast_upload_bytes_total'),
        downloads_active: await read('holdfast_downloads_active'),
        downloads_total: await read('holdfast_downloads_total'),
        cpu_seconds_total: await read('process_cpu_seconds_total'),
        uptime_seconds: uptimeSeconds(),
      }
    },
  )

  app.get(
    '/metrics',
    { config, schema: { summary: 'Metrics in the Prometheus text format', tags, produces: ['text/plain'] } },
    async (_request, reply) => {
      await stateMetrics.refresh()
      return reply.type(metrics.contentType).send(await metrics.metrics())
    },
  )
}

const activeUpload = z
  .object({
    id: z.string(),
    bytes: z.int(),
    totalBytes: z.int().nullable(),
    bytesPerSecond: z.int(),
    startedAt: z.iso.datetime(),
  })
  .meta({ id: 'ActiveUpload' })

const systemView = z
  .object({
    version: z.string(),
    uptimeSeconds: z.int(),
    memoryBytes: z.int(),
    disk: z.object({ freeBytes: z.int(), totalBytes: z.int() }).nullable(),
    availableForUploadsBytes: z.int().nullable(),
    maxFileSizeBytes: z.int().nullable(),
    files: z.object({ count: z.int(), totalBytes: z.int() }),
    trash: z
      .object({ count: z.int(), totalBytes: z.int() })
      .describe('Deleted and expired files whose bytes are still there; given up when an upload needs the space'),
    uploads: z.array(activeUpload),
  })
  .meta({ id: 'SystemInfo' })

function systemRoute(instance: FastifyInstance, { share, blobs, maxFileBytes }: StatusDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/api/system',
    { schema: { summary: 'Facts about the server', tags, response: { 200: systemView } } },
    async () => {
      const uploads = share.tracker.active().map((upload) => {
        const { id, bytes, total, bytes_per_second } = upload.snapshot()
        const startedAt = new Date(upload.startedAt).toISOString()
        return { id, bytes, totalBytes: total, bytesPerSecond: bytes_per_second, startedAt }
      })
      return {
        version: VERSION,
        uptimeSeconds: uptimeSeconds(),
        memoryBytes: process.memoryUsage.rss(),
        disk: await blobs.space(),
        availableForUploadsBytes: await share.freeSpace.available(),
        maxFileSizeBytes: maxFileBytes,
        files: await share.files.totals(),
        trash: await share.trash.totals(),
        uploads,
      }
    },
  )
}
