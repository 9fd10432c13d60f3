/** The trash: deleted and expired files, and the ways back and out of it. */
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { closedObject, HoldfastError, type Clock } from '../../base/index.ts'
import { formatTime, invalid, parseExpiration } from '../fields.ts'
import type { Files } from '../files.ts'
import type { DeletedGuestLink, GuestLinks } from '../guest-links.ts'
import type { Trash } from '../trash.ts'
import {
  fileIdParams,
  guestLinkIdParams,
  requireFile,
  requireFileId,
  requireGuestLink,
  requireGuestLinkId,
} from './params.ts'
import { fileView, guestLinkView, viewFile, viewGuestLink } from './views.ts'
import { ShareError } from '../errors.ts'

export interface TrashRoutesDependencies {
  files: Files
  trash: Trash
  guestLinks: GuestLinks
  clock: Clock
}

const tags = ['trash']

const listQuery = z.object({
  limit: z.coerce.number().int().min(0).max(10_000).default(1000),
  offset: z.coerce.number().int().min(0).default(0),
})

const purgeInSeconds = z.int().describe('While the server runs')

const trashedFile = fileView
  .extend({
    deletedAt: z.iso.datetime().describe('Or when it expired'),
    reason: z.enum(['deleted', 'expired']),
    purgeInSeconds,
  })
  .meta({ id: 'TrashedFile' })

const trashedGuestLink = guestLinkView
  .extend({ deletedAt: z.iso.datetime(), purgeInSeconds })
  .meta({ id: 'TrashedGuestLink' })

const trashAnswer = z
  .object({
    files: z.array(trashedFile),
    total: z.int().describe('Files'),
    totalBytes: z.int(),
    guestLinks: z.array(trashedGuestLink),
  })
  .meta({ id: 'TrashList' })

const restoreBody = closedObject({
  expiration: z.string().nullish().describe('RFC 3339; null is never; an expired file needs it'),
}).nullish()

export function trashRoutes(instance: FastifyInstance, deps: TrashRoutesDependencies): void {
  listRoute(instance, deps)
  restoreRoutes(instance, deps)
}

function listRoute(instance: FastifyInstance, { trash, guestLinks }: TrashRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/trash',
    {
      schema: {
        summary: 'List the trash, what was hidden last first',
        tags,
        querystring: listQuery,
        response: { 200: trashAnswer },
      },
    },
    async (request) => {
      const { limit, offset } = request.query
      const listed = await trash.list(limit, offset)
      const { count: total, totalBytes } = await trash.totals()
      const view = (file: (typeof listed)[number]) => ({
        ...viewFile(file, request.baseUrl),
        deletedAt: formatTime(file.deletedAt),
        reason: file.reason,
        purgeInSeconds: Math.ceil(file.purgeInMs / 1000),
      })
      const viewLink = (link: DeletedGuestLink) => ({
        ...viewGuestLink(link, false, request.baseUrl),
        deletedAt: formatTime(link.deleted_at),
        purgeInSeconds: Math.ceil(link.purgeInMs / 1000),
      })
      const deletedLinks = await guestLinks.listDeleted()
      return { files: listed.map(view), total, totalBytes, guestLinks: deletedLinks.map(viewLink) }
    },
  )

  app.delete(
    '/api/trash',
    { schema: { summary: 'Empty the trash: all that is in it is removed for good', tags } },
    async (_request, reply) => {
      await trash.empty()
      await guestLinks.purgeDeleted()
      return reply.code(204).send()
    },
  )
}

function restoreRoutes(instance: FastifyInstance, { files, trash, guestLinks, clock }: TrashRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.post(
    '/api/trash/:id/restore',
    {
      schema: {
        summary: 'Bring a file back',
        tags,
        params: fileIdParams,
        body: restoreBody,
        response: { 200: fileView },
      },
    },
    async (request) => {
      const id = requireFileId(request.params.id)
      const file = await trash.find(id)
      if (!file) throw notInTrash(id)
      const expiresAt = newExpiration(request.body?.expiration, file.expires_at, clock.now())
      if (!(await trash.restore(id, expiresAt))) throw notInTrash(id)
      return viewFile(await requireFile(files, id), request.baseUrl)
    },
  )

  app.post(
    '/api/trash/guest-links/:id/restore',
    {
      schema: {
        summary: 'Bring a guest link back',
        tags,
        params: guestLinkIdParams,
        response: { 200: guestLinkView },
      },
    },
    async (request) => {
      const id = requireGuestLinkId(request.params.id)
      if (!(await guestLinks.restore(id))) {
        throw new ShareError('NOT_FOUND', `there is no guest link with the id ${id} in the trash`)
      }
      const link = await requireGuestLink(guestLinks, id)
      return viewGuestLink(link, guestLinks.isActive(link), request.baseUrl)
    },
  )
}

/** @returns undefined to keep the expiration that the file has. @throws INVALID_REQUEST when that is over. */
function newExpiration(
  given: string | null | undefined,
  expiresAt: number | null,
  now: number,
): number | null | undefined {
  if (given === null) return null
  if (given !== undefined) return parseExpiration(given, now)
  if (expiresAt === null || expiresAt > now) return undefined
  throw invalid('expiration', `the file expired at ${formatTime(expiresAt)}; give a new time, or null for never`)
}

function notInTrash(id: string): HoldfastError {
  return new ShareError('NOT_FOUND', `there is no file with the id ${id} in the trash`)
}
