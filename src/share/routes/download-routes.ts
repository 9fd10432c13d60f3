/** The links that are handed round: `/-{id}`, with anything after it, and PicoShare's older `/!{id}`. */
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { create as contentDisposition } from 'content-disposition'
import { formatBytes, HoldfastError, messageOf, prefersHtml } from '../../base/index.ts'
import type { BlobStore, ByteRange } from '../../storage/index.ts'
import type { DownloadRequest, Downloads, Transfer } from '../downloads.ts'
import type { Files, ListedFile } from '../files.ts'
import { servedType } from '../media-type.ts'
import { isPrefetch, isPreviewer } from '../previewers.ts'
import { isNotModified, isPreconditionFailed, requestedRanges } from '../ranges.ts'
import { escapeHtml, paragraph, sendRecipientPage } from '../recipient-page.ts'
import { sendFile } from '../send-file.ts'
import type { Transfers } from '../transfers.ts'
import type { Unlocking } from '../unlocking.ts'
import { policyFor, SANDBOXED } from '../viewing.ts'
import { requireFile } from './params.ts'
import { ShareError } from '../errors.ts'

export interface DownloadRoutesDependencies {
  files: Files
  blobs: BlobStore
  downloads: Downloads
  unlocking: Unlocking
  transfers: Transfers
}

interface LinkRequest {
  Params: { id: string }
  Querystring: { download?: string }
}
type Request = FastifyRequest<LinkRequest>

export function downloadRoutes(app: FastifyInstance, deps: DownloadRoutesDependencies): void {
  const options = { config: { access: 'public' as const }, schema: { hide: true } }
  // Errors on these paths too, as with PicoShare.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('content-security-policy', SANDBOXED)
  })
  for (const sign of ['-', '!']) {
    for (const path of [`/${sign}:id`, `/${sign}:id/*`]) {
      app.route<LinkRequest>({
        method: ['GET', 'HEAD'],
        url: path,
        ...options,
        handler: async (request, reply) => follow(deps, request, reply),
      })
    }
  }
}

async function follow(deps: DownloadRoutesDependencies, request: Request, reply: FastifyReply) {
  const file = await requireFile(deps.files, request.params.id)
  // Chromium takes 503 for a refusal, and asks again when a person follows the link.
  if (isPrefetch(request.headers)) return reply.code(503).header('cache-control', 'no-store').send()
  if (isPreviewer(request.headers['user-agent'] ?? '')) return describe(file, request, reply)
  if (file.passphrase_hash !== null && !request.isOwner) {
    const isUnlocked = await deps.unlocking.isUnlocked(file, request).catch((error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'WRONG_SECRET') challenge(request, reply)
      throw error
    })
    if (!isUnlocked) return askForPassphrase(file, request, reply)
  }
  return await download(deps, file, request, reply)
}

/** For programs that show what is behind a link: never its bytes, and nothing of a file with a passphrase. */
function describe(file: ListedFile, request: Request, reply: FastifyReply): FastifyReply {
  const isLocked = file.passphrase_hash !== null
  const title = isLocked ? 'A file with a passphrase' : file.filename
  const text = isLocked ? 'Open the link to enter the passphrase.' : `${formatBytes(file.size_bytes)} to download`
  const tags = {
    'og:title': title,
    'og:description': text,
    'og:type': 'website',
    'og:url': `${request.baseUrl}/-${file.id}`,
  }
  const head = Object.entries(tags).map(([name, value]) => `<meta property="${name}" content="${escapeHtml(value)}">`)
  return sendRecipientPage(reply, { status: 200, title, body: paragraph(text), head: head.join('') })
}

/** A browser goes to the form; a program is told what to send. */
function askForPassphrase(file: ListedFile, request: Request, reply: FastifyReply): FastifyReply {
  reply.header('cache-control', 'no-store')
  if (prefersHtml(request)) return reply.redirect(`${request.basePath}/-${file.id}/unlock`, 302)
  challenge(request, reply)
  throw new ShareError(
    'AUTH_REQUIRED',
    'this file has a passphrase: send it as the password, such as curl -u :PASSPHRASE',
    {
      hint: "Or send the header 'X-Download-Passphrase', percent-encoded.",
    },
  )
}

function challenge(request: Request, reply: FastifyReply): void {
  // Within a page of a browser the header would open its own login window.
  if (request.headers['sec-fetch-dest'] !== undefined) return
  reply.header('www-authenticate', 'Basic realm="file", charset="UTF-8"')
}

async function download(deps: DownloadRoutesDependencies, file: ListedFile, request: Request, reply: FastifyReply) {
  await requireBytes(deps, file)
  const transferOf = transferRequest(file, request)
  // A client that has hung up has no address any more.
  if (transferOf === null) return reply.hijack()
  // RFC 9110 section 13.2.1: conditions, and ranges, are for what there still is.
  await deps.downloads.check(transferOf, { downloads: file.download_count, max: file.max_downloads })
  const validators = { etag: `"${file.sha256}"`, lastModified: new Date(file.uploaded_at) }
  if (isPreconditionFailed(request.headers, validators)) {
    throw new ShareError('PRECONDITION_FAILED', `the file ${file.id} does not match the request`)
  }
  const isHead = request.method === 'HEAD'
  const isNotNew = isNotModified(request.headers, validators)
  // RFC 9110 section 14.2: a range is for GET alone.
  const ranges = isHead || isNotNew ? null : findRanges(request, reply, file, validators)
  const transfer = isHead || isNotNew ? null : await deps.downloads.begin({ ...transferOf, isPart: ranges !== null })
  describeBytes(file, request, reply, validators)
  if (isNotNew) return reply.code(304).send()
  await send(deps, { file, request, reply, ranges, transfer })
  return reply
}

interface Answering {
  file: ListedFile
  request: Request
  reply: FastifyReply
  ranges: ByteRange[] | null
  /** Null for HEAD. */
  transfer: Transfer | null
}

async function send(
  deps: DownloadRoutesDependencies,
  { file, request, reply, ranges, transfer }: Answering,
): Promise<void> {
  reply.hijack()
  using _ = deps.transfers.begin()
  const { socket } = request.raw
  let isCut = false
  try {
    await sendFile(reply.raw, {
      blobs: deps.blobs,
      key: file.blob_key,
      sizeBytes: file.size_bytes,
      contentType: servedType(file),
      ranges,
      headersOnly: transfer === null,
      headers: reply.getHeaders(),
      onSent: (range) => transfer?.sent(range),
    })
  } catch (error) {
    isCut = true
    const isOurFault = error instanceof HoldfastError
    request.log[isOurFault ? 'error' : 'debug']({ file: file.id, reason: messageOf(error) }, 'download cut short')
  }
  if (!transfer) return
  await transfer.end(isCut)
  if (!isCut) watchForReset(socket, transfer)
}

/** The last transfer of each connection: a next request shows that its client has had the answer. */
const lastTransfers = new WeakMap<Socket, Transfer>()

/**
 * A client that goes away before it has read its answer resets the connection; what the kernel had taken is lost then.
 */
function watchForReset(socket: Socket, transfer: Transfer): void {
  if (!lastTransfers.has(socket)) {
    socket.once('close', (hadError) => {
      if (hadError) void lastTransfers.get(socket)?.lost()
    })
  }
  lastTransfers.set(socket, transfer)
}

/** The request as its method and headers announce it: a range may still turn out to be none. */
function transferRequest(file: ListedFile, request: Request): DownloadRequest | null {
  // Not a string once the socket is closed, whatever the type says.
  const clientIp: string | undefined = request.ip
  if (clientIp === undefined) return null
  return {
    fileId: file.id,
    sizeBytes: file.size_bytes,
    isLimited: file.max_downloads !== null,
    clientIp,
    userAgent: request.headers['user-agent'] ?? '',
    isPart: request.method !== 'HEAD' && request.headers.range !== undefined,
  }
}

function describeBytes(
  file: ListedFile,
  request: Request,
  reply: FastifyReply,
  { etag, lastModified }: { etag: string; lastModified: Date },
): void {
  const isCopied = file.max_downloads === null && file.passphrase_hash === null
  const type = request.query.download === undefined ? 'inline' : 'attachment'
  for (const name of ['x-frame-options', 'cross-origin-opener-policy', 'cross-origin-resource-policy'])
    reply.removeHeader(name)
  reply.headers({
    'accept-ranges': 'bytes',
    etag,
    'last-modified': lastModified.toUTCString(),
    'content-disposition': contentDisposition(file.filename, { type }),
    'content-security-policy': policyFor(servedType(file)),
    // No shared cache may hand out a file that has been deleted, or count for us.
    'cache-control': isCopied ? 'private, no-cache' : 'no-store',
  })
}

/** Once the headers are sent there is no other way to tell than to cut the connection. */
async function requireBytes({ blobs, files }: DownloadRoutesDependencies, file: ListedFile): Promise<void> {
  const blob = await blobs.stat(file.blob_key)
  if (blob && blob.sizeBytes >= file.size_bytes) return
  // It may have been deleted this moment.
  await requireFile(files, file.id)
  throw new ShareError('BLOB_DAMAGED', `the bytes of the file ${file.id} are missing on the server`, {
    hint: "Whoever runs the server can find all damaged files with 'holdfast verify'.",
  })
}

function findRanges(
  request: Request,
  reply: FastifyReply,
  file: ListedFile,
  validators: { etag: string; lastModified: Date },
) {
  try {
    return requestedRanges(request.headers, file.size_bytes, validators)
  } catch (error) {
    reply.header('content-range', `bytes */${file.size_bytes}`)
    throw error
  }
}
