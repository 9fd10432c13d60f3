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
    clearSessionCookie(reply)
    throw new HoldfastError('AUTH_REQUIRED', bearer === null ? 'log in first' : 'the API token is unknown or revoked', {
      hint: "Log in at /login, or send an API token as 'Authorization: Bearer TOKEN'.",
    })
  })
}

export function clearSessionCookie(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, { path: '/', httpOnly: true, sameSite: 'strict' })
}

function bearerToken(request: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null
}

async function hasSession(request: FastifyRequest, sessions: Sessions): Promise<boolean> {
  const token = request.cookies[SESSION_COOKIE]
  return token !== undefined && (await sessions.isValid(token))
}

/**
 * Closes cross-site request forgery: a browser names the page that a request comes from, and only our own may change
 * anything. Programs that are no browsers send neither header.
 * @throws FORBIDDEN_ORIGIN
 */
function refuseOtherSites(request: FastifyRequest): void {
  if (SAFE_METHODS.includes(request.method)) return
  const { origin, 'sec-fetch-site': site } = request.headers
  const isOurs = origin === undefined || (URL.canParse(origin) && new URL(origin).host === request.host)
  if (isOurs && (site === undefined || site === 'same-origin' || site === 'none')) return
  throw new HoldfastError('FORBIDDEN_ORIGIN', `this request comes from another site (${origin ?? site})`, {
    hint: 'Behind a reverse proxy, let it pass on the Host header or set HOLDFAST_BEHIND_PROXY.',
  })
}
