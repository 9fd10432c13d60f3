/** What every request gets: an address as the client sees it, safe headers, a line in the log. */
import type { FastifyInstance, FastifyRequest } from 'fastify'

export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  // Routes whose answers may be kept say so.
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex, nofollow',
}

export function describeRequests(app: FastifyInstance, behindProxy: boolean): void {
  app.decorateRequest('baseUrl', { getter: baseUrl(behindProxy) })
  app.decorateRequest('basePath', '')
  app.decorateRequest('acceptBody', function acceptBody(this: FastifyRequest) {
    const { waitsFor100 } = this.raw as { waitsFor100?: () => void }
    waitsFor100?.()
  })
  holdBack100Continue(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SAFE_HEADERS).header('x-request-id', request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    const [path] = request.url.split('?')
    const ms = Math.round(reply.elapsedTime)
    const { method, ip } = request
    request.log.info({ method, path, status: reply.raw.statusCode, ms, ip }, 'request')
  })
}

/**
 * Node would tell a client that waits for `100 Continue` to go on before anybody has looked at the request. Here it is told
 * when the body is wanted, so that a refused 5 GB upload is never sent (RFC 9110, section 10.1.1).
 */
function holdBack100Continue(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => {
    Object.assign(request, { waitsFor100: () => response.writeContinue() })
    app.server.emit('request', request, response)
  })
  app.addHook('preParsing', async (request) => {
    if (!request.routeOptions.config.streamsBody) request.acceptBody()
  })
}

/** A proxy that says nothing of the scheme is taken for one that ends TLS, as PicoShare takes it. */
function baseUrl(behindProxy: boolean) {
  return function getBaseUrl(this: FastifyRequest): string {
    const scheme = behindProxy && !this.headers['x-forwarded-proto'] ? 'https' : this.protocol
    return `${scheme}://${this.host}`
  }
}
