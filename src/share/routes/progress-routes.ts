/** Upload progress as server-sent events (WHATWG HTML, section 9.2). */
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { beginEvents } from '../../base/index.ts'
import { requireUploadId, type TrackedUpload, type UploadSnapshot, type UploadTracker } from '../upload-tracker.ts'

/** How often `progress` is sent, at most. */
const EVERY_MS = 500
/** How long a watcher may wait for its upload to begin. */
const WAIT_FOR_BEGIN_MS = 60_000

const EVENT_NAMES = { active: 'progress', stalled: 'stalled', complete: 'complete', failed: 'failed' } as const

export function progressRoutes(instance: FastifyInstance, tracker: UploadTracker): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/uploads/:id/events',
    {
      // Whoever knows the id may watch: its chooser may be a guest.
      config: { access: 'public', whileDraining: true },
      schema: {
        summary: 'Progress of an upload as server-sent events: progress, stalled, complete, failed',
        tags: ['upload'],
        produces: ['text/event-stream'],
        params: z.object({
          id: z.string().meta({ pattern: '^[\\w-]{8,64}$' }).describe("The upload's id, which may be about to begin"),
        }),
      },
    },
    async (request, reply) => {
      requireUploadId(request.params.id)
      const gone = beginEvents(reply)
      const patience = AbortSignal.any([gone, AbortSignal.timeout(WAIT_FOR_BEGIN_MS)])
      const upload = await tracker.find(request.params.id, patience)
      for await (const event of watch(upload, gone)) reply.raw.write(event)
      reply.raw.end()
    },
  )
}

async function* watch(upload: TrackedUpload | null, gone: AbortSignal): AsyncIterable<string> {
  if (!upload) {
    yield format('failed', { error: { code: 'NOT_FOUND', message: 'no upload began under this id' } })
    return
  }
  for (;;) {
    const snapshot = upload.snapshot()
    yield format(EVENT_NAMES[snapshot.state], snapshot)
    if (snapshot.state === 'complete' || snapshot.state === 'failed' || gone.aborted) return
    const next = AbortSignal.any([gone, AbortSignal.timeout(EVERY_MS)])
    // Rejects when half a second is over, which is as good as a change.
    await once(upload.events, 'change', { signal: next }).catch(() => {})
  }
}

function format(event: string, data: Partial<UploadSnapshot>): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
