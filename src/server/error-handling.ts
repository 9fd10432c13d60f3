/** Turns what rooms throw into answers: text, as PicoShare's clients expect, or JSON for clients that accept it. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HoldfastError, prefersHtml, prefersJson } from '../base/index.ts'
import { sendRecipientError } from '../share/index.ts'
import { diskError } from '../storage/index.ts'
import type { Page } from './pages.ts'
import { SAFE_HEADERS } from './requests.ts'
import { statusOf } from './error-codes.ts'
import { ServerError } from './errors.ts'

/**
 * A rejected upload's client may still be sending. What it sends is thrown away, so that the connection can go on
 * with the next request; after this long it has had time to read the answer, and the line is cut.
 */
const LINGER_MS = 5000

export function handleErrors(app: FastifyInstance, page: Page): void {
  const routes: { method: string; pattern: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) routes.push({ method: name, pattern: pathPattern(url) })
  })

  app.setErrorHandler((error: FastifyError | HoldfastError, request, reply) => {
    const known = error instanceof HoldfastError ? error : translate(error)
    if (known.code === 'INTERNAL' || known.code === 'DATA_FOLDER_UNUSABLE')
      request.log.error({ err: error }, 'request failed')
    else if (known.code === 'BLOB_DAMAGED') request.log.error({ reason: known.message }, 'request failed')
    return answer(request, reply, known)
  })

  const refuse = (request: FastifyRequest, reply: FastifyReply): HoldfastError => {
    const [path = ''] = request.url.split('?')
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    if (allowed.length === 0) return new ServerError('NOT_FOUND', `there is nothing at ${path}`)
    reply.header('allow', [...new Set(allowed)].join(', '))
    return new ServerError('METHOD_NOT_ALLOWED', `${request.method} is not allowed for ${path}`)
  }

  app.setNotFoundHandler((request, reply) => {
    const doubled = /^\/{2,}([-!].*)$/.exec(request.url)?.[1]
    // PicoShare's links survive a doubled slash too.
    if (doubled !== undefined) return reply.redirect(`${request.basePath}/${doubled}`, 301)
    const error = refuse(request, reply)
    return (error.code === 'NOT_FOUND' ? page.offer(request, reply, 404) : null) ?? answer(request, reply, error)
  })
  // Before the body is asked for and parsed: it is not wanted.
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404 && !['GET', 'HEAD'].includes(request.method)) throw refuse(request, reply)
  })

  app.addHook('onResponse', async ({ raw }) => {
    if (raw.complete) return
    raw.resume()
    setTimeout(() => raw.complete || raw.destroy(), LINGER_MS).unref()
  })
}

/** For requests that reach no route and no hook: a path that is badly encoded, or an id of unreasonable length. */
export function refuseUnroutable(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(SAFE_HEADERS)
  void answer(request, reply, translate(error))
}

function pathPattern(url: string): RegExp {
  const escaped = url.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(`^${escaped.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '[^/]*')}$`)
}

/** What Fastify and Node throw for a bad request says so by its status; anything else is a fault of ours. */
function translate(error: FastifyError): HoldfastError {
  const status = error.statusCode ?? 500
  if (error.validation) return new ServerError('INVALID_REQUEST', `invalid request: ${describeValidation(error)}`)
  if (status === 413) return new ServerError('TOO_LARGE', 'the body is too large')
  if (status >= 400 && status < 500) return new ServerError('INVALID_REQUEST', error.message)
  const ofDisk = diskError(error)
  if (ofDisk) return ofDisk
  return new ServerError('INTERNAL', 'something went wrong inside the server', { cause: error })
}

function describeValidation(error: FastifyError): string {
  const issues = error.validation ?? []
  const place = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body')
  return issues
    .map(({ instancePath, message }) => `${instancePath.slice(1).replaceAll('/', '.') || place}: ${message}`)
    .join('; ')
}

function answer(request: FastifyRequest, reply: FastifyReply, error: HoldfastError): FastifyReply {
  const { retryAfterSeconds } = error.details
  if (typeof retryAfterSeconds === 'number') reply.header('retry-after', retryAfterSeconds)
  const status = statusOf(error.code)
  reply.code(status).header('cache-control', 'no-store')
  const isLink = /^\/[-!]/.test(request.url)
  if (isLink && prefersHtml(request)) return sendRecipientError(reply, error, status)
  if (!prefersJson(request)) {
    return reply.type('text/plain; charset=utf-8').send(`${error.message}\n`)
  }
  const { code, message, hint } = error
  return reply
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ error: { code, message, ...(hint && { hint }) } }))
}
