/** Guest links: made and managed by the owner, seen by the guest who holds one. */
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { parseDuration, type Clock } from '../../base/index.ts'
import { invalid, parseExpiration } from '../fields.ts'
import type { GuestLinks } from '../guest-links.ts'
import { deleteQuery, guestLinkIdParams, requireGuestLink, requireGuestLinkId } from './params.ts'
import { FOREVER_MS, newLinkBody } from './picoshare.ts'
import { guestLinkView, viewGuestLink, viewLifetime } from './views.ts'
import { ShareError } from '../errors.ts'

/** Of the label and of the greeting. */
const MAX_TEXT_BYTES = 200
const MIN_FILE_LIFETIME_MS = 86_400_000
const tags = ['guest links']

const guestView = guestLinkView
  .pick({ id: true, greeting: true, isActive: true, maxFileBytes: true, fileLifetime: true })
  .extend({
    uploadsLeft: z.int().nullable().describe('Null: no limit'),
  })
  .meta({ id: 'GuestView' })

const listAnswer = z.object({ guestLinks: z.array(guestLinkView) }).meta({ id: 'GuestLinkList' })

export function guestLinkRoutes(app: FastifyInstance, guestLinks: GuestLinks, clock: Clock): void {
  ownersRoutes(app, guestLinks, clock)
  changeRoutes(app, guestLinks)
  guestsRoute(app, guestLinks)
}

function ownersRoutes(instance: FastifyInstance, guestLinks: GuestLinks, clock: Clock): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/guest-links',
    {
      schema: {
        summary: 'List guest links',
        tags,
        response: { 200: listAnswer },
      },
    },
    async (request) => {
      const links = await guestLinks.list()
      return { guestLinks: links.map((link) => viewGuestLink(link, guestLinks.isActive(link), request.baseUrl)) }
    },
  )

  app.post(
    '/api/guest-links',
    {
      schema: {
        summary: 'Make a guest link',
        tags,
        body: newLinkBody,
        response: { 200: z.object({ id: z.string() }) },
      },
    },
    async (request) => ({ id: await guestLinks.add(readNewLink(request.body, clock.now())) }),
  )
}

function changeRoutes(instance: FastifyInstance, guestLinks: GuestLinks): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.delete(
    '/api/guest-links/:id',
    {
      schema: {
        summary: 'Delete a guest link: into the trash, or for good; its files stay',
        tags,
        params: guestLinkIdParams,
        querystring: deleteQuery,
      },
    },
    async (request, reply) => {
      const id = requireGuestLinkId(request.params.id)
      await (request.query.purge === 'true' ? guestLinks.purge(id) : guestLinks.remove(id))
      return reply.send()
    },
  )

  for (const action of ['enable', 'disable'] as const) {
    app.put(
      `/api/guest-links/:id/${action}`,
      {
        schema: {
          summary: `${action === 'enable' ? 'Enable' : 'Disable'} a guest link`,
          tags,
          params: guestLinkIdParams,
        },
      },
      async (request, reply) => {
        const id = requireGuestLinkId(request.params.id)
        if (await guestLinks.setDisabled(id, action === 'disable')) return reply.code(204).send()
        throw new ShareError('NOT_FOUND', `there is no guest link with the id ${id}`)
      },
    )
  }
}

function guestsRoute(instance: FastifyInstance, guestLinks: GuestLinks): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/api/guest/:id',
    {
      config: { access: 'public' },
      schema: { summary: 'What a guest link allows', tags, params: guestLinkIdParams, response: { 200: guestView } },
    },
    async (request) => {
      const link = await requireGuestLink(guestLinks, request.params.id)
      return {
        id: link.id,
        greeting: link.greeting,
        isActive: guestLinks.isActive(link),
        maxFileBytes: link.max_file_bytes,
        fileLifetime: viewLifetime(link),
        uploadsLeft: link.max_file_uploads === null ? null : Math.max(0, link.max_file_uploads - link.uploads),
      }
    },
  )
}

function readNewLink(body: z.infer<typeof newLinkBody>, now: number) {
  const lifetimeMs = parseDuration(body.fileLifetime)
  if (lifetimeMs === null || lifetimeMs < MIN_FILE_LIFETIME_MS) {
    throw invalid(
      'fileLifetime',
      `${JSON.stringify(body.fileLifetime)} is not a duration of at least 24h, such as 720h`,
    )
  }
  return {
    label: readText('label', body.label),
    greeting: readText('greeting', body.greeting),
    url_expires_at: parseExpiration(body.urlExpirationTime, now, 'urlExpirationTime'),
    file_lifetime_ms: lifetimeMs >= FOREVER_MS ? null : lifetimeMs,
    max_file_bytes: body.maxFileBytes ?? null,
    max_file_uploads: body.maxFileUploads ?? null,
  }
}

function readText(field: 'label' | 'greeting', given: string | null | undefined): string | null {
  const bytes = Buffer.byteLength(given ?? '')
  if (bytes > MAX_TEXT_BYTES) throw invalid(field, `it has ${bytes} bytes, at most ${MAX_TEXT_BYTES} are allowed`)
  return given || null
}
