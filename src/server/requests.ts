/** What every request gets: an address as the client sees it, safe headers, a line in the log. */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { viewOf, withoutBasePath, type ClientView, type ClientViewOptions } from './client-view.ts'
import { ServerError } from './errors.ts'

export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  // Routes whose answers may be kept say so.
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex, nofollow',
}

/** A year (RFC 6797). */
const HSTS = 'max-age=31536000'

const views = new WeakMap<IncomingMessage, ClientView>()

/**
 * Runs before the router: notes how the client sees the server and takes the base path off. The framework reads
 * forwarded headers by itself, so it finds there what has been decided.
 */
export function rewriteUrl(request: IncomingMessage, options: ClientViewOptions): string {
  const view = viewOf(request, options)
  views.set(request, view)
  Object.assign(request.headers, {
    'x-forwarded-for': view.ip,
    'x-forwarded-proto': view.scheme,
    'x-forwarded-host': view.host,
  })
  return withoutBasePath(request.url ?? '/', view.basePath)
}

export function describeRequests(app: FastifyInstance, { hsts }: { hsts: boolean }): void {
  app.decorateRequest('basePath', {
    getter(this: FastifyRequest) {
      return views.get(this.raw)?.basePath ?? ''
    },
  })
  app.decorateRequest('baseUrl', {
    getter(this: FastifyRequest) {
      return `${this.protocol}://${this.host}${this.basePath}`
    },
  })
  app.decorateRequest('acceptBody', function acceptBody(this: FastifyRequest) {
    const { waitsFor100 } = this.raw as { waitsFor100?: () => void }
    waitsFor100?.()
  })
  holdBack100Continue(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SAFE_HEADERS).header('x-request-id', request.id)
    if (hsts && request.protocol === 'https') reply.header('strict-transport-security', HSTS)
    const view = views.get(request.raw)
    if (view?.problem) throw new ServerError('INVALID_REQUEST', view.problem)
  })
  app.addHook('onRequest', async (request, reply) => {
    const view = views.get(request.raw)
    return view?.isPlainBehindProxy && isForPeople(request) ? upgrade(request, reply, view) : undefined
  })
  app.addHook('onResponse', async (request, reply) => {
    const [path] = request.url.split('?')
    const ms = Math.round(reply.elapsedTime)
    const { method, ip } = request
    request.log.info({ method, path, status: reply.raw.statusCode, ms, ip }, 'request')
  })
}

/**
 * Node would tell a client that waits for `100 Continue` to go on before anybody has looked at the request. Here it
 * is told when the body is wanted, so that a refused 5 GB upload is never sent (RFC 9110, section 10.1.1).
 */
function holdBack100Continue(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => {
    Object.assign(request, { waitsFor100: () => response.writeContinue() })
    app.server.emit('request', request, response)
  })
  // Other expectations may be ignored.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.addHook('preParsing', async (request) => {
    if (!request.routeOptions.config.streamsBody) request.acceptBody()
  })
}

/** Links and pages; programs that call the API, and monitors, get their answer as they asked. */
function isForPeople({ method, url }: FastifyRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && !/^\/(api|metrics)\b/.test(url)
}

/** A proxy that also takes port 80 sends people to TLS, as PicoShare does. */
function upgrade(request: FastifyRequest, reply: FastifyReply, { host, basePath }: ClientView): FastifyReply {
  return reply.redirect(`https://${host}${basePath}${request.url}`, 301)
}
