/** The ways to upload: a form (PicoShare's API), a raw PUT, and tus 1.0 in one PATCH. A driver a function. */
import type { OutgoingHttpHeaders } from 'node:http'
import { exchange, type Answer } from './exchange.ts'
import { bytesOf, type SeededFile } from './seeded-file.ts'

export const UPLOAD_WAYS = ['multipart', 'put', 'tus'] as const
export type UploadWay = (typeof UPLOAD_WAYS)[number]

interface Upload {
  baseUrl: string
  headers: OutgoingHttpHeaders
  filename: string
  file: SeededFile
  signal: AbortSignal
}

type Uploader = (upload: Upload) => Promise<Answer>

const NEVER = '2999-12-31T00:00:00Z'
const OCTETS = 'application/octet-stream'

export const uploaders: Readonly<Record<UploadWay, Uploader>> = {
  multipart: async ({ baseUrl, headers, filename, file, signal }) => {
    const boundary = 'holdfast-lab-5c1d1a60'
    const head = Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\nContent-Type: ${OCTETS}\r\n\r\n`,
    )
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
    function* body() {
      yield head
      yield* bytesOf(file)
      yield tail
    }
    return await exchange({
      method: 'POST',
      url: `${baseUrl}/api/entry?expiration=${NEVER}`,
      headers: {
        ...headers,
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': head.length + file.sizeBytes + tail.length,
      },
      body: body(),
      signal,
    })
  },
  put: async ({ baseUrl, headers, filename, file, signal }) =>
    await exchange({
      method: 'PUT',
      url: `${baseUrl}/api/files/${filename}`,
      headers: { ...headers, 'content-type': OCTETS, 'content-length': file.sizeBytes },
      body: bytesOf(file),
      signal,
    }),
  /** https://tus.io/protocols/resumable-upload: creation, then core. */
  tus: async ({ baseUrl, headers, filename, file, signal }) => {
    const tus = { ...headers, 'tus-resumable': '1.0.0' }
    const metadata = `filename ${Buffer.from(filename).toString('base64')}`
    const created = await exchange({
      method: 'POST',
      url: `${baseUrl}/api/tus/`,
      headers: { ...tus, 'upload-length': file.sizeBytes, 'upload-metadata': metadata, 'content-length': 0 },
      signal,
    })
    if (created.status !== 201 || !created.headers.location) return created
    const sent = await exchange({
      method: 'PATCH',
      url: new URL(created.headers.location, `${baseUrl}/api/tus/`).href,
      headers: {
        ...tus,
        'upload-offset': 0,
        'content-type': 'application/offset+octet-stream',
        'content-length': file.sizeBytes,
      },
      body: bytesOf(file),
      signal,
    })
    return { ...sent, durationNs: created.durationNs + sent.durationNs, sentNs: created.durationNs + sent.sentNs }
  },
}
