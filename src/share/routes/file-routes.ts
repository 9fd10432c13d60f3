/** The owner's view of the files: list, details, change, delete, access log. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { HoldfastError, type Clock } from '../../base/index.ts'
import type { DownloadLog } from '../download-log.ts'
import { formatTime, parseExpiration, parseFilename, parseNote, parsePassphrase } from '../fields.ts'
import { SORT_COLUMNS, type FileChange, type Files } from '../files.ts'
import { hashPassphrase } from '../passphrase.ts'
import { JsonArray } from './json-array.ts'
import { idParams, requireFile, requireFileId } from './params.ts'
import { fileView, viewFile } from './views.ts'

export interface FileRoutesDependencies {
  files: Files
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

const listAnswer = z.object({
  files: z.array(fileView),
  total: z.int().describe('All that match, beyond this page too'),
  totalBytes: z.int(),
})

const downloadsAnswer = z.object({
  downloads: z.array(z.object({ at: z.iso.datetime(), clientIp: z.string(), userAgent: z.string() })),
  total: z.int(),
})

const changeBody = z.object({
  filename: z.string(),
  expiration: z.string().nullish().describe('Empty or missing is never'),
  note: z.string().nullish(),
  maxDownloads: z.int().min(1).nullable().optional().describe('Missing keeps it, null removes it'),
  downloadPassphrase: z.string().nullable().optional().describe('Missing keeps it, null removes it'),
})

export function fileRoutes(instance: FastifyInstance, { files, downloadLog, clock }: FileRoutesDependencies): void {
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
    { schema: { summary: 'One file', tags, params: idParams, response: { 200: fileView } } },
    async (request) => viewFile(await requireFile(files, request.params.id), request.baseUrl),
  )

  app.get(
    '/api/files/:id/downloads',
    { schema: { summary: 'Who downloaded a file', tags, params: idParams, response: { 200: downloadsAnswer } } },
    async (request) => {
      const file = await requireFile(files, request.params.id)
      const { downloads, total } = await downloadLog.list(file.id, MAX_DOWNLOADS_LISTED)
      const view = (download: (typeof downloads)[number]) => ({
        at: formatTime(download.at),
        clientIp: download.client_ip,
        userAgent: download.user_agent,
      })
      return { downloads: downloads.map(view), total }
    },
  )

  app.put(
    '/api/entry/:id',
    { schema: { summary: 'Change what is known of a file', tags, params: idParams, body: changeBody } },
    async (request, reply) => {
      const id = requireFileId(request.params.id)
      const isThere = await files.change(id, await readChange(request.body, clock.now()))
      if (!isThere) throw new HoldfastError('NOT_FOUND', `there is no file with the id ${id}`)
      return reply.send()
    },
  )

  app.delete(
    '/api/entry/:id',
    { schema: { summary: 'Delete a file; absent is no error', tags, params: idParams } },
    async (request, reply) => {
      await files.remove(requireFileId(request.params.id))
      return reply.send()
    },
  )
}

async function readChange(body: z.infer<typeof changeBody>, now: number): Promise<FileChange> {
  const change: FileChange = {
    filename: parseFilename(body.filename),
    expires_at: body.expiration ? parseExpiration(body.expiration, now) : null,
    note: parseNote(body.note),
  }
  if (body.maxDownloads !== undefined) change.max_downloads = body.maxDownloads
  if (body.downloadPassphrase !== undefined) {
    const passphrase = parsePassphrase(body.downloadPassphrase)
    change.passphrase_hash = passphrase === null ? null : await hashPassphrase(passphrase)
  }
  return change
}
