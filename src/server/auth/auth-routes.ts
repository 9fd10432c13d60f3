import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { AttemptThrottle, closedObject, type Clock } from '../../base/index.ts'
import type { OpenStates } from '../open-states.ts'
import type { ApiTokens } from './api-tokens.ts'
import { clearSessionCookie, HOST_SESSION_COOKIE, SESSION_COOKIE, usesHostCookie } from './guard.ts'
import { parseScopes, SCOPES } from './scopes.ts'
import { SESSION_MS, type Sessions } from './sessions.ts'
import { ServerError } from '../errors.ts'

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
        throw new ServerError('WRONG_SECRET', 'incorrect shared secret')
      }
      throttle.succeeded(request.ip)
      const { ip, headers } = request
      const token = await sessions.start({ ip, userAgent: headers['user-agent'] ?? '' })
      const isHost = usesHostCookie(request)
      reply.setCookie(isHost ? HOST_SESSION_COOKIE : SESSION_COOKIE, token, {
        path: `${request.basePath}/`,
        maxAge: SESSION_MS / 1000,
        httpOnly: true,
        sameSite: 'strict',
        secure: request.protocol === 'https',
      })
      return reply.send()
    },
  )

  app.delete(
    '/api/auth',
    { config: { access: 'public', changesSession: true }, schema: { summary: 'Log out', tags } },
    async (request, reply) => {
      if (request.sessionId !== null) await sessions.end(request.sessionId)
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
const format = (at: number) => new Date(at).toISOString()
const formatOrNull = (at: number | null) => (at === null ? null : format(at))
const scope = z.enum(SCOPES).meta({ id: 'Scope' })
const tokenView = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(scope),
    createdAt: time,
    expiresAt: time.nullable().describe('Null is never'),
    lastUsedAt: time.nullable(),
  })
  .meta({ id: 'Token' })
const tokenList = z.object({ tokens: z.array(tokenView) }).meta({ id: 'TokenList' })
const newToken = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(scope),
    expiresAt: time.nullable(),
    token: z.string().describe('Shown only now'),
  })
  .meta({ id: 'CreatedToken' })
const tokenBody = closedObject({
  name: z.string().trim().min(1).max(100),
  scopes: z.array(scope).min(1).max(SCOPES.length).default(['manage']).describe('Manage implies the others'),
  expiresAt: z.iso.datetime({ offset: true }).nullable().default(null).describe('RFC 3339; null is never'),
}).meta({ id: 'NewToken' })

export function tokenRoutes(instance: FastifyInstance, tokens: ApiTokens, clock: Clock): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  const config = { scope: 'manage' as const }

  app.get(
    '/api/tokens',
    {
      config,
      schema: { summary: 'List API tokens', tags, response: { 200: tokenList } },
    },
    async () => {
      const list = await tokens.list()
      const view = (token: (typeof list)[number]) => ({
        id: token.id,
        name: token.name,
        scopes: parseScopes(token.scopes),
        createdAt: format(token.created_at),
        expiresAt: formatOrNull(token.expires_at),
        lastUsedAt: formatOrNull(token.last_used_at),
      })
      return { tokens: list.map(view) }
    },
  )

  app.post(
    '/api/tokens',
    { config, schema: { summary: 'Make an API token', tags, body: tokenBody, response: { 200: newToken } } },
    async (request) => {
      const { name, scopes, expiresAt } = request.body
      const end = expiresAt === null ? null : Date.parse(expiresAt)
      if (end !== null && end <= clock.now())
        throw new ServerError('INVALID_REQUEST', 'invalid expiresAt: it is in the past')
      const made = await tokens.create(name, { scopes: [...new Set(scopes)], expiresAt: end })
      return { name, scopes, expiresAt: formatOrNull(end), ...made }
    },
  )

  app.delete(
    '/api/tokens/:id',
    { schema: { summary: 'Revoke an API token; absent is not an error', tags, params: z.object({ id: z.string() }) } },
    async (request, reply) => {
      await tokens.revoke(request.params.id)
      return reply.code(204).send()
    },
  )
}
