/** Decides on each request who it is from and whether that is enough. Routes are closed unless they say otherwise. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HoldfastError } from '../../base/index.ts'
import type { ApiTokens } from './api-tokens.ts'
import type { Sessions } from './sessions.ts'

/** PicoShare's name. */
export const SESSION_COOKIE = 'sharedSecret'

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

export function guard(app: FastifyInstance, sessions: Sessions, tokens: ApiTokens): void {
  app.decorateRequest('isOwner', false)
  app.addHook('onRequest', async (request, reply) => {
    const bearer = bearerToken(request)
    request.isOwner = bearer === null ? await hasSession(request, sessions) : await tokens.isValid(bearer)
    if (bearer === null) refuseOtherSites(request)
    if (request.is404 || request.isOwner || request.routeOptions.config.access === 'public') return
    clearSessionCookie(request, reply)
    throw new HoldfastError('AUTH_REQUIRED', bearer === null ? 'log in first' : 'the API token is unknown or revoked', {
      hint: "Log in at /login, or send an API token as 'Authorization: Bearer TOKEN'.",
    })
  })
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, { path: `${request.basePath}/`, httpOnly: true, sameSite: 'strict' })
}

function bearerToken(request: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null
}

async function hasSession(request: FastifyRequest, sessions: Sessions): Promise<boolean> {
  const token = request.cookies[SESSION_COOKIE]
  return token !== undefined && (await sessions.isValid(token))
}

/**
 * Closes cross-site request forgery: a browser names the page that a request comes from, and only our own may use a session's
 * authority. Where the URL itself is the authority, as with guest links, any page may post. Programs that are no browsers
 * send neither header.
 * @throws FORBIDDEN_ORIGIN
 */
function refuseOtherSites(request: FastifyRequest): void {
  const { access, changesSession = false } = request.routeOptions.config
  if (SAFE_METHODS.includes(request.method) || (access === 'public' && !changesSession)) return
  const { origin, 'sec-fetch-site': site } = request.headers
  // The browser itself compares the addresses that it knows: a proxy cannot confuse it.
  if (site === 'same-origin' || site === 'none') return
  if (site === undefined && (origin === undefined || isOwnOrigin(origin, request))) return
  throw new HoldfastError('FORBIDDEN_ORIGIN', `this request comes from another site (${origin ?? site})`, {
    hint: 'Behind a reverse proxy that changes Host, set HOLDFAST_PUBLIC_URL to the address that browsers show.',
  })
}

/** By host alone: a proxy may end TLS without saying so. Older browsers, and pages without TLS, do not say where they are. */
function isOwnOrigin(origin: string, request: FastifyRequest): boolean {
  if (!URL.canParse(origin)) return false
  const { host, hostname } = new URL(origin)
  const [, given = ''] = /^(.*?)(:\d+)?$/.exec(request.host) ?? []
  // A proxy often passes Host on without its port; a port of the page is then nothing to go by.
  return host === request.host || (given === request.host && hostname === given)
}
