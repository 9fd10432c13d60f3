/** Routes whose body is a file: PicoShare's form for owner and guests, and a raw PUT for `curl -T`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { closedObject, prefersJson, type Clock } from '../../base/index.ts'
import { invalid, parseExpiration, parsePassphrase, parsePercentEncoded } from '../fields.ts'
import type { FileRow, Files, NewFile } from '../files.ts'
import type { GuestLinks } from '../guest-links.ts'
import { receiveBody } from '../receive-body.ts'
import { MAX_FORM_ENVELOPE_BYTES, receiveForm, type UploadForm } from '../receive-form.ts'
import type { Settings } from '../settings.ts'
import { PASSPHRASE_HEADER } from '../unlocking.ts'
import type { Uploads } from '../uploads.ts'
import { requireBareFile, requireWholeFile } from '../whole-file.ts'
import { guestExpiration, guestsFile, ownersExpiration, ownersFile, smaller } from './describe-file.ts'
import { requireFile, requireGuestLink, guestLinkIdParams } from './params.ts'
import { GUESTS_FIELDS, OWNERS_FIELDS, uploaded } from './picoshare.ts'
import { fileView, viewFile } from './views.ts'

export interface UploadRoutesDependencies {
  uploads: Uploads
  files: Files
  guestLinks: GuestLinks
  settings: Settings
  clock: Clock
  /** Largest upload, bytes, or null. */
  maxFileBytes: number | null
}

const query = closedObject({
  expiration: z.string().optional().describe('RFC 3339, at least an hour ahead; 2999-12-31T00:00:00Z is never'),
  note: z.string().optional().describe('At most 500 bytes'),
  maxDownloads: z.string().optional().describe('How often the file may be downloaded'),
  upload: z.string().optional().describe('An id of your choice for GET /api/uploads/{id}/events'),
})
type Query = z.infer<typeof query>
const guestQuery = closedObject({
  expiration: query.shape.expiration,
  note: query.shape.note,
  upload: query.shape.upload,
})

/** The answer to `Accept: application/json` is the first, to anything else the link as a line of text. */
const linkText = z.string().describe('text/plain: the link, for clients that do not ask for JSON')
type ZodApp = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

const form = { consumes: ['multipart/form-data'], tags: ['upload'] }

export function uploadRoutes(instance: FastifyInstance, deps: UploadRoutesDependencies): void {
  // The body is left in the request, whatever its type: the handlers stream it.
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', (_request, _payload, done) => done(null))
  instance.addHook('preValidation', async (request) => requireWholeFile(request.headers))
  const app = instance.withTypeProvider<ZodTypeProvider>()
  ownersFormRoute(app, deps)
  rawRoute(app, deps)
  guestsFormRoute(app, deps)
}

function ownersFormRoute(app: ZodApp, deps: UploadRoutesDependencies): void {
  app.post(
    '/api/entry',
    {
      config: { scope: 'upload', streamsBody: true },
      schema: {
        ...form,
        summary: 'Upload a file from a form (field: file)',
        querystring: query,
        response: { 200: uploaded },
      },
    },
    async (request) => {
      const expiresAt = parseExpiration(request.query.expiration, deps.clock.now())
      const { note, maxDownloads } = request.query
      const file = await receiveFormUpload(deps, request, {
        allowedFields: OWNERS_FIELDS,
        maxBytes: deps.maxFileBytes,
        // PicoShare refuses an empty file.
        mayBeEmpty: false,
        describe: ({ fields, ...given }) =>
          ownersFile({
            ...given,
            expiresAt,
            note: note ?? fields.get('note'),
            // A field of a page that was not filled in is empty.
            maxDownloads: onlyOne('maxDownloads', maxDownloads, fields.get('maxDownloads') || undefined),
            passphrase: parsePassphrase(fields.get('downloadPassphrase')),
          }),
      })
      return { id: file.id }
    },
  )
}

function rawRoute(app: ZodApp, deps: UploadRoutesDependencies): void {
  app.put(
    '/api/files/*',
    {
      config: { scope: 'upload', streamsBody: true },
      schema: {
        summary: 'Upload a file as the raw body (curl -T)',
        produces: ['application/json', 'text/plain'],
        tags: ['upload'],
        params: z.object({ '*': z.string().describe('The file name, percent-encoded') }),
        querystring: query,
        response: { 201: z.union([fileView, linkText]) },
      },
    },
    async (request, reply) => {
      const file = await receiveRawUpload(deps, request, request.params['*'])
      const view = viewFile(await requireFile(deps.files, file.id), request.baseUrl)
      reply.code(201).header('location', view.url)
      return prefersJson(request) ? view : reply.type('text/plain; charset=utf-8').send(`${view.url}\r\n`)
    },
  )
}

function guestsFormRoute(app: ZodApp, deps: UploadRoutesDependencies): void {
  app.post(
    '/api/guest/:id',
    {
      config: { access: 'public', streamsBody: true },
      schema: {
        ...form,
        summary: 'Upload a file through a guest link',
        params: guestLinkIdParams,
        querystring: guestQuery,
        response: { 200: z.union([uploaded, linkText]) },
      },
    },
    async (request, reply) => {
      const link = await requireGuestLink(deps.guestLinks, request.params.id)
      deps.guestLinks.requireActive(link)
      const expiresAt = guestExpiration(link, request.query.expiration, deps.clock.now())
      const file = await receiveFormUpload(deps, request, {
        allowedFields: GUESTS_FIELDS,
        maxBytes: smaller(deps.maxFileBytes, link.max_file_bytes),
        mayBeEmpty: true,
        describe: async ({ fields, ...given }) =>
          guestsFile({ ...given, expiresAt, note: request.query.note || fields.get('note') }, link),
      })
      if (prefersJson(request)) return { id: file.id }
      return reply.type('text/plain; charset=utf-8').send(`${request.baseUrl}/-${file.id}\r\n`)
    },
  )
}

interface FormUpload {
  allowedFields: readonly string[]
  maxBytes: number | null
  mayBeEmpty: boolean
  describe: (form: UploadForm) => Promise<NewFile>
}

async function receiveFormUpload(
  deps: UploadRoutesDependencies,
  request: FastifyRequest<{ Querystring: Query }>,
  { allowedFields, describe, ...limits }: FormUpload,
): Promise<FileRow> {
  return await deps.uploads.receive({
    ...limits,
    request: request.raw,
    uploadId: request.query.upload,
    envelopeBytes: MAX_FORM_ENVELOPE_BYTES,
    read: async (writer, onBytes) => {
      request.acceptBody()
      return describe(await receiveForm(request.raw, writer, onBytes, allowedFields))
    },
  })
}

/** A value that may stand in the query or in the form. @throws INVALID_REQUEST when both differ. */
function onlyOne(field: string, inQuery: string | undefined, inForm: string | undefined): string | undefined {
  if (inQuery !== undefined && inForm !== undefined && inQuery !== inForm) {
    throw invalid(field, `it is ${JSON.stringify(inQuery)} in the query and ${JSON.stringify(inForm)} in the form`)
  }
  return inQuery ?? inForm
}

async function receiveRawUpload(
  deps: UploadRoutesDependencies,
  request: FastifyRequest<{ Querystring: Query }>,
  name: string,
): Promise<FileRow> {
  requireBareFile(request.headers)
  if (!hasBody(request)) throw invalid('body', 'there is none; an empty file has Content-Length: 0')
  const { expiration, note, maxDownloads, upload } = request.query
  const file = await ownersFile({
    filename: name,
    contentType: request.headers['content-type'] ?? '',
    expiresAt: await ownersExpiration(expiration, deps),
    note,
    maxDownloads,
    passphrase: passphraseHeader(request),
  })
  return await deps.uploads.receive({
    request: request.raw,
    uploadId: upload,
    maxBytes: deps.maxFileBytes,
    envelopeBytes: 0,
    mayBeEmpty: true,
    read: async (writer, onBytes) => {
      request.acceptBody()
      await receiveBody(request.raw, writer, onBytes)
      return file
    },
  })
}

/** RFC 9112 section 6.3. */
function hasBody({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

/** A header carries ASCII only, so the passphrase in it is percent-encoded. */
function passphraseHeader(request: FastifyRequest): string | null {
  const given = request.headers[PASSPHRASE_HEADER]
  if (given === undefined) return null
  if (given === '') throw invalid(PASSPHRASE_HEADER, 'it is empty; leave it out for a file without a passphrase')
  return parsePassphrase(parsePercentEncoded(PASSPHRASE_HEADER, String(given)))
}
