/** Serves the browser app: its assets, and its one HTML page under every path that the app knows. */
import { existsSync } from 'node:fs'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { packagePath } from '../base/index.ts'

/** PicoShare's paths, so that bookmarks keep working. */
const PUBLIC_PAGES = ['/', '/login', '/g/:id']
const OWNER_PAGES = [
  '/files',
  '/files/:id/info',
  '/files/:id/edit',
  '/files/:id/downloads',
  '/files/:id/confirm-delete',
  '/guest-links',
  '/guest-links/new',
  '/settings',
  '/information',
]
const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const HASHED_ASSETS = '/assets/'
const A_YEAR_SECONDS = 31_536_000

/** Registers the app's routes. Without a built app (a checkout that was never built) there are none, only the API. */
export async function pages(app: FastifyInstance): Promise<void> {
  const root = packagePath('dist/web')
  if (!existsSync(`${root}/index.html`)) {
    app.log.warn('the browser app is not built: run `npm run build`; the API works without it')
    return
  }
  const hide = { hide: true }
  await app.register(async (assets) => {
    assets.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' }
      route.schema = hide
    })
    await assets.register(fastifyStatic, {
      root,
      wildcard: false,
      index: false,
      setHeaders: (reply, path) => {
        const isHashed = path.slice(root.length).startsWith(HASHED_ASSETS)
        reply.header('cache-control', isHashed ? `public, max-age=${A_YEAR_SECONDS}, immutable` : 'no-cache')
      },
    })
  })
  for (const path of PUBLIC_PAGES) {
    app.get(path, { config: { access: 'public' }, schema: hide }, (_request, reply) => sendPage(reply, 200))
  }
  for (const path of OWNER_PAGES) {
    // The status is PicoShare's; the page itself asks for the passphrase.
    const handler = (request: FastifyRequest, reply: FastifyReply) => sendPage(reply, request.isOwner ? 200 : 401)
    app.get(path, { config: { access: 'public' }, schema: hide }, handler)
  }
}

function sendPage(reply: FastifyReply, status: number): FastifyReply {
  return reply.code(status).header('content-security-policy', POLICY).sendFile('index.html')
}
