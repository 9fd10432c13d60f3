/** The owner's view of the files: list, details, change, delete, access log. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { closedObject, type Clock } from '../../base/index.ts'
import type { DownloadLog } from '../download-log.ts'
import { formatTime, invalid, parseExpiration, parseFilename, parseNote, parsePassphrase } from '../fields.ts'
import type { FreeSpace } from '../free-space.ts'
import { parseContentType } from '../media-type.ts'
import { SORT_COLUMNS, type FileChange, type Files } from '../files.ts'
import { hashPassphrase } from '../passphrase.ts'
import type { Trash } from '../trash.ts'
import { JsonArray } from './json-array.ts'
import { deleteQuery, fileIdParams, requireFile, requireFileId } from './params.ts'
import { protections, replaceBody } from './picoshare.ts'
import { fileView, viewFile } from './views.ts'
import { ShareError } from '../errors.ts'

export interface FileRoutesDependencies {
  files: Files
  trash: Trash
  freeSpace: FreeSpace
  downloadLog: DownloadLog
  clock: Clock
}

const MAX_DOWNLOADS_LISTED = 1000
const tags = ['files']

const listQuery = z.object({
  search: z.string().max(200).default('').describe('Words that all occur in the name or the note'),
  sort: z.enum(Object.keys(SORT_COLUMNS) as (keyof typeof SORT_COLUMNS)[]).default('uploaded'),
  order: z.enum(['asc', 'desc']).default('desc'),
  limit: z.coerce.number().int().min(0).max(10_000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
})

const listAnswer = z
  .object({
    files: z.array(fileView),
    total: z.int().describe('All that match, beyond this page too'),
    totalBytes: z.int(),
  })
  .meta({ id: 'FileList' })

const downloadsQuery = z.object({
  unique: z.enum(['true', 'false']).default('false').describe('One entry for each address, its newest'),
})

const downloadView = z
  .object({ at: z.iso.datetime(), clientIp: z.string(), userAgent: z.string() })
  .meta({ id: 'Download' })

const downloadsAnswer = z.object({ downloads: z.array(downloadView), total: z.int() }).meta({ id: 'DownloadList' })

const patchBody = closedObject({
  filename: z.string().optional(),
  contentType: z.string().optional(),
  expiration: z.string().nullable().optional().describe('RFC 3339; null is never'),
  note: z.string().nullable().optional().describe('Null removes it'),
  ...protections,
}).meta({ id: 'FileChange', description: 'Missing fields stay as they are' })

export function fileRoutes(app: FastifyInstance, deps: FileRoutesDependencies): void {
  readingRoutes(app, deps)
  changingRoutes(app, deps)
}

function readingRoutes(instance: FastifyInstance, { files, downloadLog }: FileRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/api/files',
    {
      schema: {
        summary: 'List files',
        tags,
        querystring: listQuery,
        response: { 200: listAnswer },
      },
    },
    async (request, reply) => {
      const listed = new JsonArray()
      const { count: total, totalBytes } = await files.list(request.query, (file) => {
        listed.push(viewFile(file, request.baseUrl))
      })
      const answer: FastifyReply = reply
      return answer.type('application/json; charset=utf-8').send(listed.wrap('files', { total, totalBytes }))
    },
  )

  app.get(
    '/api/files/:id',
    { schema: { summary: 'One file', tags, params: fileIdParams, response: { 200: fileView } } },
    async (request) => viewFile(await requireFile(files, request.params.id), request.baseUrl),
  )

  app.get(
    '/api/files/:id/downloads',
    {
      schema: {
        summary: 'Who downloaded a file',
        tags,
        params: fileIdParams,
        querystring: downloadsQuery,
        response: { 200: downloadsAnswer },
      },
    },
    async (request) => {
      const file = await requireFile(files, request.params.id)
      const { downloads, total } = await downloadLog.list(
        file.id,
        MAX_DOWNLOADS_LISTED,
        request.query.unique === 'true',
      )
      const view = (download: (typeof downloads)[number]) => ({
        at: formatTime(download.at),
        clientIp: download.client_ip,
        userAgent: download.user_agent,
      })
      return { downloads: downloads.map(view), total }
    },
  )
}

function changingRoutes(instance: FastifyInstance, { files, trash, freeSpace, clock }: FileRoutesDependencies): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.put(
    '/api/entry/:id',
    {
      schema: {
        summary: 'Replace name, expiration and note of a file, as PicoShare does',
        tags,
        params: fileIdParams,
        body: replaceBody,
      },
    },
    async (request, reply) => {
      const { expiration, note, ...given } = request.body
      const replaced = { ...given, expiration: expiration || null, note: note ?? null }
      await change(files, request.params.id, await readChange(replaced, clock.now()))
      return reply.send()
    },
  )

  app.patch(
    '/api/files/:id',
    {
      schema: {
        summary: 'Change what is given of a file; the rest stays',
        tags,
        params: fileIdParams,
        body: patchBody,
        response: { 200: fileView },
      },
    },
    async (request) => {
      await change(files, request.params.id, await readChange(request.body, clock.now()))
      return viewFile(await requireFile(files, request.params.id), request.baseUrl)
    },
  )

  app.delete(
    '/api/entry/:id',
    {
      schema: {
        summary: 'Move a file to the trash, or remove it for good; absent is not an error',
        tags,
        params: fileIdParams,
        querystring: deleteQuery,
      },
    },
    async (request, reply) => {
      const id = requireFileId(request.params.id)
      await (request.query.purge === 'true' ? trash.purge(id) : trash.put(id))
      // On a full disk people delete because space is needed.
      await freeSpace.relieve()
      return reply.send()
    },
  )
}

/** @throws INVALID_ID, NOT_FOUND */
async function change(files: Files, givenId: string, changed: FileChange): Promise<void> {
  const id = requireFileId(givenId)
  const isThere = await files.change(id, changed)
  if (!isThere) throw new ShareError('NOT_FOUND', `there is no file with the id ${id}`)
}

/** @throws INVALID_REQUEST when nothing is given, or anything is not allowed. */
async function readChange(body: z.infer<typeof patchBody>, now: number): Promise<FileChange> {
  const { filename, contentType, expiration, note, maxDownloads, downloadPassphrase } = body
  const changed: FileChange = {}
  if (filename !== undefined) changed.filename = parseFilename(filename)
  if (contentType !== undefined) changed.content_type = parseContentType(contentType)
  if (expiration !== undefined) changed.expires_at = expiration === null ? null : parseExpiration(expiration, now)
  if (note !== undefined) changed.note = parseNote(note)
  if (maxDownloads !== undefined) changed.max_downloads = maxDownloads
  if (downloadPassphrase !== undefined) {
    const passphrase = parsePassphrase(downloadPassphrase)
    changed.passphrase_hash = passphrase === null ? null : await hashPassphrase(passphrase)
  }
  if (Object.keys(changed).length === 0) throw invalid('body', 'it changes nothing')
  return changed
}
