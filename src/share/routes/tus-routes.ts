/**
 * Resumable uploads: tus 1.0 (https://tus.io/protocols/resumable-upload) for the owner under /api/tus/ and for guests under
 * their link. Speaks the protocol; what an upload is stands in ../resumable/.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Access, Clock } from '../../base/index.ts'
import { invalid } from '../fields.ts'
import type { GuestLink, GuestLinks } from '../guest-links.ts'
import { CHECKSUM_ALGORITHMS } from '../resumable/checksums.ts'
import type { Creation, PartHeaders } from '../resumable/protocol.ts'
import { noSuchUpload, type ResumableRow } from '../resumable/resumable-rows.ts'
import type { Part, ResumableUploads } from '../resumable/resumable-uploads.ts'
import { formatMetadata, TUS_CONTENT_TYPE, TUS_EXTENSIONS, TUS_VERSION } from '../resumable/tus-headers.ts'
import { protocolOf } from '../resumable/protocols.ts'
import type { Settings } from '../settings.ts'
import { requireNoCoding } from '../whole-file.ts'
import { smaller } from './describe-file.ts'
import { guestLinkIdParams, requireGuestLink } from './params.ts'
import { describeFile } from './upload-metadata.ts'

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
  /** Without a slash at the end. */
  path: string
  access: Access
  params: z.ZodObject
  /** The guest link of a request; null for the owner. @throws NOT_FOUND */
  linkOf(request: FastifyRequest): Promise<GuestLink | null>
}

// Described for the document; what they have to be is checked where they are read.
const tusHeaders = z.looseObject({
  'tus-resumable': z
    .string()
    .meta({ enum: ['1.0.0'] })
    .optional(),
})
const creationHeaders = tusHeaders.extend({
  'upload-length': z.string().optional().describe('Bytes of the whole file'),
  'upload-concat': z.string().optional().describe('partial, or final;URL URL ... for a file made of those'),
  'upload-defer-length': z.string().optional().describe('1: the length comes with a later part'),
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
  'upload-length': z.string().optional().describe('Bytes of the whole file, where it was not told before'),
  'upload-checksum': z.string().optional().describe('Algorithm and base64 digest of the part: sha256 ...'),
})

const uploadParam = z.object({ upload: z.string().describe('As in the Location of the creation') })

export function tusRoutes(instance: FastifyInstance, deps: TusRoutesDependencies): void {
  // The body is left in the request: the handlers stream it.
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', (_request, _payload, done) => done(null))
  instance.addHook('preValidation', async (request) => requireNoCoding(request.headers))
  instance.addHook('onSend', async (request, reply) => {
    reply.headers(protocolOf(request.headers).sign(request.headers))
  })
  instance.addHook('onRequest', async (request, reply) => {
    if (request.method === 'OPTIONS') return
    reply.header('tus-version', TUS_VERSION)
    protocolOf(request.headers).requireVersion(request.headers)
  })
  const doors: Door[] = [
    { path: '/api/tus', access: 'owner', params: z.object({}), linkOf: async () => null },
    {
      path: '/api/guest/:id/tus',
      access: 'public',
      params: guestLinkIdParams,
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
  // With and without the slash at the end: clients are configured with either.
  for (const url of [`${door.path}/`, door.path]) {
    const schema = { tags: ['upload'], params: door.params, hide: url === door.path }
    app.options(
      url,
      { config: { access: 'public' }, schema: { ...schema, summary: 'What the server can do of tus 1.0' } },
      async (_request, reply) => {
        reply.headers({
          'tus-version': TUS_VERSION,
          'tus-extension': TUS_EXTENSIONS,
          'tus-checksum-algorithm': CHECKSUM_ALGORITHMS.join(','),
        })
        if (deps.maxFileBytes !== null) {
          reply.headers({ 'tus-max-size': deps.maxFileBytes, 'upload-limit': `max-size=${deps.maxFileBytes}` })
        }
        return reply.code(204).send()
      },
    )
    app.post(
      url,
      {
        config: { access: door.access, scope: 'upload', streamsBody: true },
        schema: {
          ...schema,
          headers: creationHeaders,
          summary: 'Begin a resumable upload (tus 1.0); a body is its first part',
        },
      },
      async (request, reply) => {
        const link = await door.linkOf(request)
        if (link) deps.guestLinks.requireActive(link)
        const path = request.basePath + door.path.replace(':id', link?.id ?? '')
        const creation = protocolOf(request.headers).readCreation(request.headers)
        const upload = await create(request, creation, link, {
          ...deps,
          announce: ({ id }) => announce(request, reply, `${path}/${id}`),
        })
        reply.header('location', `${path}/${upload.id}`)
        return reply.code(201).headers(protocolOf(request.headers).describe(upload)).send()
      },
    )
  }
}

function uploadRoutes(app: ZodApp, door: Door, deps: TusRoutesDependencies): void {
  const path = `${door.path}/:upload`
  const schema = { tags: ['upload'], params: door.params.extend(uploadParam.shape) }
  const config = { access: door.access, scope: 'upload' as const }
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
      const method = String(request.headers['x-http-method-override']).toUpperCase()
      if (method === 'PATCH') return await append(request, reply)
      if (method === 'DELETE') return await terminate(request, reply)
      throw invalid('X-HTTP-Method-Override', `${JSON.stringify(method)} is not PATCH or DELETE`)
    },
  )
}

function uploadHandlers(door: Door, { uploads, guestLinks }: TusRoutesDependencies) {
  const idOf = (request: FastifyRequest) => (request.params as z.infer<typeof uploadParam>).upload
  // A guest that has used a link up may still ask how the upload ended.
  const find = async (request: FastifyRequest): Promise<ResumableRow> => {
    const link = await door.linkOf(request)
    const id = idOf(request)
    const upload = await uploads.find(id)
    if (upload && upload.guest_link_id === (link?.id ?? null)) return upload
    throw noSuchUpload(id)
  }
  return {
    show: async (request: FastifyRequest, reply: FastifyReply) => {
      const upload = await find(request)
      return reply
        .code(200)
        .header('cache-control', 'no-store')
        .headers({
          ...protocolOf(request.headers).describeWhole(upload),
          ...protocolOf(request.headers).describe(upload),
        })
        .send()
    },
    append: async (request: FastifyRequest, reply: FastifyReply) => {
      const link = await door.linkOf(request)
      if (link) guestLinks.requireActive(link)
      const part = partOf(request, protocolOf(request.headers).readPart(request.headers))
      const upload = await uploads.receive(idOf(request), link?.id ?? null, part)
      return reply.code(204).headers(protocolOf(request.headers).describe(upload)).send()
    },
    terminate: async (request: FastifyRequest, reply: FastifyReply) => {
      const { id } = await find(request)
      await uploads.terminate(id)
      return reply.code(204).send()
    },
  }
}

async function create(
  request: FastifyRequest,
  creation: Creation,
  link: GuestLink | null,
  deps: TusRoutesDependencies & { announce(upload: ResumableRow): boolean },
): Promise<ResumableRow> {
  const { lengthBytes, isPartial, metadata } = creation
  const file = await describeFile(metadata, link, isPartial ? 'part' : null, deps)
  // It cannot be read back: only its hash is kept.
  metadata.delete('downloadPassphrase')
  const given = {
    lengthBytes,
    maxBytes: smaller(deps.maxFileBytes, link?.max_file_bytes ?? null),
    isPartial,
    metadata: formatMetadata(metadata),
    file,
    watchId: metadata.get('upload'),
  }
  if (creation.parts) {
    // Joining them may take longer than a connection may be idle.
    request.raw.socket.setTimeout(0)
    return await deps.uploads.concatenate(creation.parts, given)
  }
  const upload = await deps.uploads.create(given)
  if (!creation.part) return upload
  const isKnown = deps.announce(upload)
  try {
    return await deps.uploads.receive(upload.id, upload.guest_link_id, partOf(request, creation.part))
  } catch (error) {
    // A client that does not get to know where the upload is cannot go on with it.
    if (!isKnown) await deps.uploads.terminate(upload.id)
    throw error
  }
}

/** Tells a client that understands it where the upload is before its body has come. @returns whether it was told. */
function announce(request: FastifyRequest, reply: FastifyReply, location: string): boolean {
  const { raw, headers } = request
  const interim = protocolOf(headers).announceBy(headers)
  if (interim === null || raw.httpVersion === '1.0') return false
  reply.raw.writeInformation(interim.status, { ...interim.headers, location })
  return true
}

function partOf(request: FastifyRequest, headers: PartHeaders): Part {
  return { ...headers, request: request.raw, acceptBody: () => request.acceptBody() }
}
