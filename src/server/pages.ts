/** Serves the browser app: its assets, and its one HTML page under every path that the app knows. */
import { existsSync, readFileSync } from 'node:fs'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { packagePath, prefersHtml } from '../base/index.ts'
import { renderPage } from './page-html.ts'

/** PicoShare's paths, so that bookmarks keep working. */
const PUBLIC_PAGES = ['/', '/login']
const OWNER_PAGES = [
  '/files',
  '/files/:id/info',
  '/files/:id/edit',
  '/files/:id/downloads',
  '/files/:id/confirm-delete',
  '/builds',
  '/builds/:state/:name',
  '/trash',
  '/guest-links',
  '/guest-links/new',
  '/settings',
  '/information',
]
const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
/** Nothing here is for search engines. */
const ROBOTS = 'User-agent: *\nDisallow: /\n'
const HASHED_ASSETS = '/assets/'
const A_YEAR_SECONDS = 31_536_000
const ROOT = packagePath('dist/web')

/** The browser app's one HTML page, or null in a checkout that was never built: then there is only the API. */
export class Page {
  readonly #publicUrl: string | null
  readonly #html = existsSync(`${ROOT}/index.html`) ? readFileSync(`${ROOT}/index.html`, 'utf8') : null

  /** @param publicUrl what links to hand over begin with, or null for the address that the browser shows. */
  constructor(publicUrl: URL | null) {
    this.#publicUrl = publicUrl && publicUrl.href.replace(/\/+$/, '')
  }

  /** Answers with the page if there is one and the client is a browser that navigates. @returns null otherwise. */
  offer(request: FastifyRequest, reply: FastifyReply, status: number): FastifyReply | null {
    const isNavigation = request.method === 'GET' && prefersHtml(request)
    return this.#html !== null && isNavigation ? this.#send(this.#html, reply, status) : null
  }

  #send(html: string, reply: FastifyReply, status: number, guestLinkId: string | null = null): FastifyReply {
    const { basePath } = reply.request
    reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': POLICY })
    return reply
      .code(status)
      .type('text/html; charset=utf-8')
      .send(renderPage(html, { basePath, publicUrl: this.#publicUrl, guestLinkId }))
  }

  /** Registers the app's pages and assets. */
  async register(app: FastifyInstance): Promise<void> {
    const html = this.#html
    if (html === null) {
      app.log.warn('the browser app is not built: run `npm run build`; the API works without it')
      return
    }
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' }
      route.schema = { hide: true }
    })
    app.get('/robots.txt', async (_request, reply) => reply.type('text/plain; charset=utf-8').send(ROBOTS))
    for (const path of PUBLIC_PAGES) app.get(path, async (_request, reply) => this.#send(html, reply, 200))
    app.get<{ Params: { id: string } }>('/g/:id', async (request, reply) =>
      this.#send(html, reply, 200, request.params.id),
    )
    for (const path of OWNER_PAGES) {
      // The status is PicoShare's; the page itself asks for the passphrase.
      app.get(path, async (request, reply) => this.#send(html, reply, request.isOwner ? 200 : 401))
    }
    await app.register(fastifyStatic, {
      root: ROOT,
      wildcard: false,
      index: false,
      preCompressed: true,
      globIgnore: ['**/*.br', '**/*.gz'],
      setHeaders: (reply, path) => {
        const isHashed = path.slice(ROOT.length).startsWith(HASHED_ASSETS)
        reply.header('cache-control', isHashed ? `public, max-age=${A_YEAR_SECONDS}, immutable` : 'no-cache')
      },
    })
  }
}
