/** The links that are handed round: `/-{id}`, with anything after it, and PicoShare's older `/!{id}`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { create as contentDisposition } from 'content-disposition'
import { HoldfastError, messageOf } from '../../base/index.ts'
import type { BlobStore } from '../../storage/index.ts'
import type { DownloadLog } from '../download-log.ts'
import type { Files, ListedFile } from '../files.ts'
import { servedType } from '../media-type.ts'
import { isNotModified, requestedRanges } from '../ranges.ts'
import { sendFile } from '../send-file.ts'
import type { Transfers } from '../transfers.ts'
import type { Unlocking } from '../unlocking.ts'
import { requireFile } from './params.ts'

export interface DownloadRoutesDependencies {
  files: Files
  blobs: BlobStore
  downloadLog: DownloadLog
  unlocking: Unlocking
  transfers: Transfers
}

interface DownloadRequest {
  Params: { id: string }
  Querystring: { download?: string }
}

export function downloadRoutes(app: FastifyInstance, deps: DownloadRoutesDependencies): void {
  const options = { config: { access: 'public' as const }, schema: { hide: true } }
  // Whatever a stranger uploaded runs without scripts, forms or our cookies; errors on these paths too.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('content-security-policy', 'sandbox').header('x-content-type-options', 'nosniff')
  })
  for (const sign of ['-', '!']) {
    for (const path of [`/${sign}:id`, `/${sign}:id/*`]) {
      app.route<DownloadRequest>({
        method: ['GET', 'HEAD'],
        url: path,
        ...options,
        handler: async (request, reply) => download(deps, request, reply),
      })
    }
  }
}

async function download(
  deps: DownloadRoutesDependencies,
  request: FastifyRequest<DownloadRequest>,
  reply: FastifyReply,
) {
  const file = await requireFile(deps.files, request.params.id)
  if (file.passphrase_hash !== null) {
    reply.header('cache-control', 'no-store')
    if (!request.isOwner && !deps.unlocking.isUnlocked(file, request)) return reply.redirect(`/-${file.id}/unlock`, 302)
  }
  await requireBytes(deps, file)
  const validators = { etag: `"${file.sha256}"`, lastModified: new Date(file.uploaded_at) }
  reply.headers({
    'accept-ranges': 'bytes',
    etag: validators.etag,
    'last-modified': validators.lastModified.toUTCString(),
    'content-disposition': disposition(file, request.query.download !== undefined),
  })
  if (isNotModified(request.headers, validators)) return reply.code(304).send()
  const ranges = findRanges(request, reply, file, validators)
  const headersOnly = request.method === 'HEAD'
  if (!headersOnly) {
    const start = ranges ? Math.min(...ranges.map((range) => range.start)) : 0
    await deps.downloadLog.begin({
      fileId: file.id,
      clientIp: request.ip,
      userAgent: request.headers['user-agent'] ?? '',
      start,
    })
  }
  reply.hijack()
  using _ = deps.transfers.begin()
  const headers = reply.getHeaders()
  const { blob_key: key, size_bytes: sizeBytes } = file
  const sending = { blobs: deps.blobs, key, sizeBytes, contentType: servedType(file), ranges, headersOnly, headers }
  try {
    await sendFile(reply.raw, sending)
  } catch (error) {
    const isOurFault = error instanceof HoldfastError
    request.log[isOurFault ? 'error' : 'debug']({ file: file.id, reason: messageOf(error) }, 'download cut short')
  }
  return reply
}

/** Once the headers are sent there is no other way to tell than to cut the connection. */
async function requireBytes({ blobs, files }: DownloadRoutesDependencies, file: ListedFile): Promise<void> {
  const blob = await blobs.stat(file.blob_key)
  if (blob && blob.sizeBytes >= file.size_bytes) return
  // It may have been deleted this moment.
  await requireFile(files, file.id)
  throw new HoldfastError('BLOB_DAMAGED', `the bytes of the file ${file.id} are missing on the server`, {
    hint: "Whoever runs the server can find all damaged files with 'holdfast verify'.",
  })
}

function findRanges(
  request: FastifyRequest,
  reply: FastifyReply,
  file: ListedFile,
  validators: { etag: string; lastModified: Date },
) {
  try {
    return requestedRanges(request.headers, file.size_bytes, validators)
  } catch (error) {
    reply.header('content-range', `bytes */${file.size_bytes}`).removeHeader('content-disposition')
    throw error
  }
}

function disposition(file: ListedFile, asAttachment: boolean): string {
  return contentDisposition(file.filename, { type: asAttachment ? 'attachment' : 'inline' })
}
