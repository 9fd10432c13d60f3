/** Where the owner is logged in, and how to end that. */
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Session, Sessions } from './sessions.ts'

const tags = ['authentication']
const config = { scope: 'manage' as const }
const time = z.iso.datetime().nullable()

const sessionView = z
  .object({
    id: z.string(),
    createdAt: time.describe('Null for a session of an older version'),
    lastUsedAt: time,
    expiresAt: z.iso.datetime(),
    clientIp: z.string().nullable().describe('Where it began'),
    userAgent: z.string().nullable(),
    isCurrent: z.boolean(),
  })
  .meta({ id: 'Session' })
const sessionList = z.object({ sessions: z.array(sessionView) }).meta({ id: 'SessionList' })

export function sessionListRoutes(instance: FastifyInstance, sessions: Sessions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/sessions',
    {
      config,
      schema: { summary: 'List sessions', tags, response: { 200: sessionList } },
    },
    async (request) => {
      const list = await sessions.list()
      return { sessions: list.map((session) => viewSession(session, request.sessionId)) }
    },
  )

  app.delete(
    '/api/sessions/:id',
    {
      config,
      schema: { summary: 'End a session; absent is not an error', tags, params: z.object({ id: z.string() }) },
    },
    async (request, reply) => {
      await sessions.end(request.params.id)
      return reply.code(204).send()
    },
  )

  app.delete(
    '/api/sessions',
    { config, schema: { summary: 'End all other sessions', tags } },
    async (request, reply) => {
      await sessions.endOthers(request.sessionId)
      return reply.code(204).send()
    },
  )
}

function viewSession(session: Session, currentId: string | null): z.infer<typeof sessionView> {
  const format = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  return {
    id: session.id,
    createdAt: format(session.created_at),
    lastUsedAt: format(session.last_used_at),
    expiresAt: new Date(session.expires_at).toISOString(),
    clientIp: session.client_ip,
    userAgent: session.user_agent,
    isCurrent: session.id === currentId,
  }
}
