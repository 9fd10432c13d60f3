/** Decides on each request who it is from and whether that is enough. Routes are closed unless they say otherwise. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ApiTokens } from './api-tokens.ts'
import { allows, type Scope } from './scopes.ts'
import type { Sessions } from './sessions.ts'
import { ServerError } from '../errors.ts'

/** PicoShare's name. */
export const SESSION_COOKIE = 'sharedSecret'

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/**
 * Of a page with TLS at the root, which is all that the prefix allows: no other host can set it (RFC 6265bis, 4.1.3.2).
 */
export const HOST_SESSION_COOKIE = `__Host-${SESSION_COOKIE}`

export function guard(app: FastifyInstance, sessions: Sessions, tokens: ApiTokens): void {
  app.decorateRequest('isOwner', false)
  app.decorateRequest('sessionId', null)
  app.addHook('onRequest', async (request, reply) => {
    const bearer = bearerToken(request)
    const scopes = bearer === null ? await scopesOfSession(request, sessions) : await tokens.scopesOf(bearer)
    request.isOwner = scopes !== null && allows(scopes, 'read')
    if (bearer === null) refuseOtherSites(request)
    if (request.is404 || request.routeOptions.config.access === 'public') return
    if (scopes !== null) return requireScope(request, scopes)
    clearSessionCookie(request, reply)
    const problem = bearer === null ? 'log in first' : 'the API token is unknown, revoked or expired'
    throw new ServerError('AUTH_REQUIRED', problem, {
      hint: "Log in at /login, or send an API token as 'Authorization: Bearer TOKEN'.",
    })
  })
}

/** @throws SCOPE_MISSING */
function requireScope({ method, routeOptions }: FastifyRequest, scopes: readonly Scope[]): void {
  const needed = routeOptions.config.scope ?? (SAFE_METHODS.includes(method) ? 'read' : 'manage')
  if (allows(scopes, needed)) return
  const has = scopes.length === 0 ? 'none' : scopes.join(', ')
  throw new ServerError('SCOPE_MISSING', `the API token may not do this: it needs the scope ${needed} and has ${has}`)
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  const options = { httpOnly: true, sameSite: 'strict' as const }
  reply.clearCookie(SESSION_COOKIE, { ...options, path: `${request.basePath}/` })
  if (usesHostCookie(request)) reply.clearCookie(HOST_SESSION_COOKIE, { ...options, path: '/', secure: true })
}

export function usesHostCookie({ protocol, basePath }: FastifyRequest): boolean {
  return protocol === 'https' && basePath === ''
}

function bearerToken(request: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null
}

async function scopesOfSession(request: FastifyRequest, sessions: Sessions): Promise<Scope[] | null> {
  const { [HOST_SESSION_COOKIE]: ofHost, [SESSION_COOKIE]: plain } = request.cookies
  // Each may be left from a session that is over, or, under a path, belong to another app at the root.
  for (const given of usesHostCookie(request) ? [ofHost, plain] : [plain, ofHost]) {
    if (given !== undefined) request.sessionId ??= await sessions.find(given)
  }
  return request.sessionId === null ? null : ['manage']
}

/**
 * Closes cross-site request forgery: a browser names the page that a request comes from, and only our own may use a
 * session's authority. Where the URL itself is the authority, as with guest links, any page may post. Programs that are
 * no browsers send neither header.
 * @throws FORBIDDEN_ORIGIN
 */
function refuseOtherSites(request: FastifyRequest): void {
  const { access, changesSession = false } = request.routeOptions.config
  if (SAFE_METHODS.includes(request.method) || (access === 'public' && !changesSession)) return
  const { origin, 'sec-fetch-site': site } = request.headers
  // The browser itself compares the addresses that it knows: a proxy cannot confuse it.
  if (site === 'same-origin' || site === 'none') return
  if (site === undefined && (origin === undefined || isOwnOrigin(origin, request))) return
  throw new ServerError('FORBIDDEN_ORIGIN', `this request comes from another site (${origin ?? site})`, {
    hint: 'Behind a reverse proxy that changes Host, set HOLDFAST_PUBLIC_URL to the address that browsers show.',
  })
}

/**
 * By host alone: a proxy may end TLS without saying so. Older browsers, and pages without TLS, do not say where they
 * are.
 */
function isOwnOrigin(origin: string, request: FastifyRequest): boolean {
  if (!URL.canParse(origin)) return false
  const { host, hostname } = new URL(origin)
  const [, given = ''] = /^(.*?)(:\d+)?$/.exec(request.host) ?? []
  // A proxy often passes Host on without its port; a port of the page is then nothing to go by.
  return host === request.host || (given === request.host && hostname === given)
}
