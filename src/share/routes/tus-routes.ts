/**
 * Resumable uploads: tus 1.0 (https://tus.io/protocols/resumable-upload) for the owner under /api/tus/ and for guests under
 * their link. Speaks the protocol; what an upload is stands in ../resumable/.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { HoldfastError, type Access, type Clock } from '../../base/index.ts'
import { invalid, parsePassphrase } from '../fields.ts'
import type { NewFile } from '../files.ts'
import type { GuestLink, GuestLinks } from '../guest-links.ts'
import type { ResumableRow } from '../resumable/resumable-rows.ts'
import { noSuchUpload, type ResumableUploads } from '../resumable/resumable-uploads.ts'
import {
  formatMetadata,
  parseBytesHeader,
  parseMetadata,
  requireTusVersion,
  TUS_CONTENT_TYPE,
  TUS_EXTENSIONS,
  TUS_VERSION,
} from '../resumable/tus-headers.ts'
import type { Settings } from '../settings.ts'
import { guestExpiration, guestsFile, ownersExpiration, ownersFile, smaller } from './describe-file.ts'
import { requireGuestLink } from './params.ts'

export interface TusRoutesDependencies {
  uploads: ResumableUploads
  guestLinks: GuestLinks
  settings: Settings
  clock: Clock
  /** Largest upload, bytes, or null. */
  maxFileBytes: number | null
}

/** Who comes in: the owner, or guests by their link. */
interface Door {
  path: string
  access: Access
  params: z.ZodObject
  /** The guest link of a request; null for the owner. @throws NOT_FOUND */
  linkOf(request: FastifyRequest): Promise<GuestLink | null>
}

// Described for the document; what they have to be is checked where they are read.
const tusHeaders = z.looseObject({ 'tus-resumable': z.string().optional().describe('1.0.0') })
const creationHeaders = tusHeaders.extend({
  'upload-length': z.string().optional().describe('Bytes of the whole file'),
  'upload-metadata': z
    .string()
    .optional()
    .describe(
      'Pairs of key and base64 value: filename (required), filetype, note, expiration, maxDownloads, downloadPassphrase, ' +
        'upload (an id of your choice for GET /api/uploads/{id}/events)',
    ),
})
const partHeaders = tusHeaders.extend({
  'upload-offset': z.string().optional().describe('Where the part begins: where the upload stands'),
})

const uploadParam = z.object({ upload: z.string().describe('As in the Location of the creation') })
const linkParam = z.object({ id: z.string().describe('The guest link') })

export function tusRoutes(instance: FastifyInstance, deps: TusRoutesDependencies): void {
  // The body is left in the request: the handlers stream it.
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', (_request, _payload, done) => done(null))
  instance.addHook('onSend', async (_request, reply) => {
    reply.header('tus-resumable', TUS_VERSION)
  })
  instance.addHook('onRequest', async (request, reply) => {
    if (request.method === 'OPTIONS') return
    reply.header('tus-version', TUS_VERSION)
    requireTusVersion(request.headers['tus-resumable'])
  })
  const doors: Door[] = [
    { path: '/api/tus/', access: 'owner', params: z.object({}), linkOf: async () => null },
    {
      path: '/api/guest/:id/tus/',
      access: 'public',
      params: linkParam,
      linkOf: async (request) => requireGuestLink(deps.guestLinks, (request.params as { id: string }).id),
    },
  ]
  for (const door of doors) {
    creationRoutes(instance.withTypeProvider<ZodTypeProvider>(), door, deps)
    uploadRoutes(instance.withTypeProvider<ZodTypeProvider>(), door, deps)
  }
}

type ZodApp = ReturnType<FastifyInstance['withTypeProvider']>

function creationRoutes(app: ZodApp, door: Door, deps: TusRoutesDependencies): void {
  const schema = { tags: ['upload'], params: door.params }
  app.options(
    door.path,
    { config: { access: 'public' }, schema: { ...schema, summary: 'What the server can do of tus 1.0' } },
    async (_request, reply) => {
      reply.headers({ 'tus-version': TUS_VERSION, 'tus-extension': TUS_EXTENSIONS })
      if (deps.maxFileBytes !== null) reply.header('tus-max-size', deps.maxFileBytes)
      return reply.code(204).send()
    },
  )
  app.post(
    door.path,
    {
      config: { access: door.access, streamsBody: true },
      schema: {
        ...schema,
        headers: creationHeaders,
        summary: 'Begin a resumable upload (tus 1.0); a body is its first part',
      },
    },
    async (request, reply) => {
      const link = await door.linkOf(request)
      if (link) deps.guestLinks.requireActive(link)
      const created = await create(request, link, deps)
      const path = door.path.replace(':id', link?.id ?? '')
      reply.header('location', `${path}${created.id}`)
      const hasPart = request.headers['content-type'] === TUS_CONTENT_TYPE
      const upload = hasPart ? await deps.uploads.receive(created.id, partOf(request, 0)) : created
      return describeUpload(reply.code(201), upload).send()
    },
  )
}

function uploadRoutes(app: ZodApp, door: Door, deps: TusRoutesDependencies): void {
  const path = `${door.path}:upload`
  const schema = { tags: ['upload'], params: door.params.extend(uploadParam.shape) }
  const config = { access: door.access }
  const { show, append, terminate } = uploadHandlers(door, deps)
  app.head(
    path,
    {
      config: { ...config, swagger: { exposeHeadRoute: true } },
      schema: { ...schema, headers: tusHeaders, summary: 'How far a resumable upload has come: Upload-Offset' },
    },
    show,
  )
  app.patch(
    path,
    {
      config: { ...config, streamsBody: true },
      schema: {
        ...schema,
        headers: partHeaders,
        consumes: [TUS_CONTENT_TYPE],
        summary: 'Go on with a resumable upload at Upload-Offset; Holdfast-File-Id names the file when it is whole',
      },
    },
    append,
  )
  app.delete(path, { config, schema: { ...schema, summary: 'Give a resumable upload up' } }, terminate)
  app.post(
    path,
    {
      config: { ...config, streamsBody: true },
      schema: { ...schema, summary: 'PATCH or DELETE, as X-HTTP-Method-Override says' },
    },
    async (request, reply) => {
      const method = request.headers['x-http-method-override']
      if (method === 'PATCH') return await append(request, reply)
      if (method === 'DELETE') return await terminate(request, reply)
      throw invalid('X-HTTP-Method-Override', `${JSON.stringify(method)} is not PATCH or DELETE`)
    },
  )
}

function uploadHandlers(door: Door, { uploads, guestLinks }: TusRoutesDependencies) {
  const find = async (request: FastifyRequest, isToWrite = false): Promise<ResumableRow> => {
    const link = await door.linkOf(request)
    // Who has used a link up may still ask what became of the upload.
    if (link && isToWrite) guestLinks.requireActive(link)
    const { upload: id } = request.params as z.infer<typeof uploadParam>
    const upload = await uploads.find(id)
    if (upload && upload.guest_link_id === (link?.id ?? null)) return upload
    throw noSuchUpload(id)
  }
  return {
    show: async (request: FastifyRequest, reply: FastifyReply) => {
      const upload = await find(request)
      reply.headers({ 'cache-control': 'no-store', 'upload-length': upload.length_bytes })
      if (upload.metadata !== '') reply.header('upload-metadata', upload.metadata)
      return describeUpload(reply.code(200), upload).send()
    },
    append: async (request: FastifyRequest, reply: FastifyReply) => {
      const { id } = await find(request, true)
      const { 'content-type': type, 'upload-offset': offset } = request.headers
      if (type !== TUS_CONTENT_TYPE) {
        throw new HoldfastError(
          'UNSUPPORTED_TYPE',
          `a part has Content-Type ${TUS_CONTENT_TYPE}, not ${type ?? 'none'}`,
        )
      }
      const upload = await uploads.receive(id, partOf(request, parseBytesHeader('Upload-Offset', offset)))
      return describeUpload(reply.code(204), upload).send()
    },
    terminate: async (request: FastifyRequest, reply: FastifyReply) => {
      const { id } = await find(request)
      await uploads.terminate(id)
      return reply.code(204).send()
    },
  }
}

async function create(request: FastifyRequest, link: GuestLink | null, deps: TusRoutesDependencies) {
  const { headers } = request
  if (headers['upload-defer-length'] !== undefined) {
    throw invalid('Upload-Defer-Length', 'the length has to be known: send Upload-Length')
  }
  const metadata = parseMetadata(headers['upload-metadata'])
  const file = await describeFile(metadata, link, deps)
  // Nobody gets to read it: only its hash is kept.
  metadata.delete('downloadPassphrase')
  return await deps.uploads.create({
    lengthBytes: parseBytesHeader('Upload-Length', headers['upload-length']),
    maxBytes: smaller(deps.maxFileBytes, link?.max_file_bytes ?? null),
    metadata: formatMetadata(metadata),
    file,
    watchId: metadata.get('upload'),
  })
}

async function describeFile(
  metadata: ReadonlyMap<string, string>,
  link: GuestLink | null,
  deps: TusRoutesDependencies,
): Promise<NewFile> {
  const filename = metadata.get('filename')
  if (filename === undefined) throw invalid('Upload-Metadata', "it has no 'filename'")
  const given = { filename, contentType: metadata.get('filetype') ?? '', note: metadata.get('note') }
  const expiration = metadata.get('expiration')
  if (link) return guestsFile({ ...given, expiresAt: guestExpiration(link, expiration, deps.clock.now()) }, link)
  return await ownersFile({
    ...given,
    expiresAt: await ownersExpiration(expiration, deps),
    maxDownloads: metadata.get('maxDownloads'),
    passphrase: parsePassphrase(metadata.get('downloadPassphrase')),
  })
}

function partOf(request: FastifyRequest, offset: number) {
  return { offset, request: request.raw, acceptBody: () => request.acceptBody() }
}

/** Where the upload stands; `Holdfast-File-Id` once it is a file, whose link is `/-{id}`. */
function describeUpload(reply: FastifyReply, upload: ResumableRow): FastifyReply {
  reply.header('upload-offset', upload.offset_bytes)
  if (upload.file_id !== null) return reply.header('holdfast-file-id', upload.file_id)
  return reply.header('upload-expires', new Date(upload.expires_at).toUTCString())
}
