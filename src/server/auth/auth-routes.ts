import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { AttemptThrottle, HoldfastError, type Clock } from '../../base/index.ts'
import type { OpenStates } from '../open-states.ts'
import type { ApiTokens } from './api-tokens.ts'
import { clearSessionCookie, SESSION_COOKIE } from './guard.ts'
import { SESSION_MS, type Sessions } from './sessions.ts'

const tags = ['authentication']

export function sessionRoutes(
  instance: FastifyInstance,
  sessions: Sessions,
  clock: Clock,
  states: Pick<OpenStates, 'names'>,
): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  const throttle = new AttemptThrottle(clock)
  const login = z.object({ sharedSecretKey: z.string().min(1) })

  app.post(
    '/api/auth',
    { config: { access: 'public', changesSession: true }, schema: { summary: 'Log in', tags, body: login } },
    async (request, reply) => {
      throttle.attempt(request.ip)
      if (!sessions.isSharedSecret(request.body.sharedSecretKey)) {
        throw new HoldfastError('WRONG_SECRET', 'incorrect shared secret')
      }
      throttle.succeeded(request.ip)
      reply.setCookie(SESSION_COOKIE, await sessions.start(), {
        path: `${request.basePath}/`,
        maxAge: SESSION_MS / 1000,
        httpOnly: true,
        sameSite: 'strict',
        secure: request.baseUrl.startsWith('https:'),
      })
      return reply.send()
    },
  )

  app.delete(
    '/api/auth',
    { config: { access: 'public', changesSession: true }, schema: { summary: 'Log out', tags } },
    async (request, reply) => {
      const token = request.cookies[SESSION_COOKIE]
      if (token !== undefined) await sessions.end(token)
      clearSessionCookie(request, reply)
      return reply.send()
    },
  )

  const session = z.object({
    isOwner: z.boolean(),
    hasStates: z.boolean().describe('Whether there are states, and so perhaps builds, to show to the owner'),
  })
  app.get(
    '/api/session',
    {
      config: { access: 'public' },
      schema: { summary: 'Whether you are logged in', tags, response: { 200: session } },
    },
    async ({ isOwner }) => ({ isOwner, hasStates: isOwner && (await states.names()).length > 0 }),
  )
}

const time = z.iso.datetime()
const tokenView = z.object({ id: z.string(), name: z.string(), createdAt: time, lastUsedAt: time.nullable() })
const newToken = z.object({ id: z.string(), name: z.string(), token: z.string().describe('Shown only now') })

export function tokenRoutes(instance: FastifyInstance, tokens: ApiTokens): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/tokens',
    { schema: { summary: 'List API tokens', tags, response: { 200: z.object({ tokens: z.array(tokenView) }) } } },
    async () => {
      const list = await tokens.list()
      const format = (at: number) => new Date(at).toISOString()
      const view = (token: (typeof list)[number]) => ({
        id: token.id,
        name: token.name,
        createdAt: format(token.created_at),
        lastUsedAt: token.last_used_at === null ? null : format(token.last_used_at),
      })
      return { tokens: list.map(view) }
    },
  )

  app.post(
    '/api/tokens',
    {
      schema: {
        summary: 'Make an API token',
        tags,
        body: z.object({ name: z.string().trim().min(1).max(100) }),
        response: { 200: newToken },
      },
    },
    async (request) => ({ name: request.body.name, ...(await tokens.create(request.body.name)) }),
  )

  app.delete(
    '/api/tokens/:id',
    { schema: { summary: 'Revoke an API token; absent is no error', tags, params: z.object({ id: z.string() }) } },
    async (request, reply) => {
      await tokens.revoke(request.params.id)
      return reply.code(204).send()
    },
  )
}
