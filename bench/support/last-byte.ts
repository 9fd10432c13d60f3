/** How long a client that sends at the speed of a gigabit network waits between its last byte and the answer. */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const BYTES_PER_SECOND = 115e6
const CHUNK_BYTES = 1 << 20

/** Uploads `size` bytes at 115 MB/s. @returns ms from the last byte handed to the kernel to the answer. */
export async function lastByteToAnswerMs(
  url: string,
  token: string,
  size: number,
): Promise<{ ms: number; id: string }> {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json', 'content-length': size }
  const upload = request(`${url}/api/files/paced.bin`, { method: 'PUT', headers })
  const answered = new Promise<string>((resolve, reject) => {
    upload.on('error', reject)
    upload.on('response', (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve(body))
    })
  })
  const chunk = Buffer.alloc(CHUNK_BYTES, 'holdfast')
  const startedAt = performance.now()
  for (let sent = 0; sent < size; sent += CHUNK_BYTES) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, size - sent))
    await new Promise<void>((resolve, reject) => upload.write(part, (error) => (error ? reject(error) : resolve())))
    const aheadMs = (sent / BYTES_PER_SECOND) * 1000 - (performance.now() - startedAt)
    if (aheadMs > 1) await sleep(aheadMs)
  }
  const lastByteAt = performance.now()
  upload.end()
  const { id } = JSON.parse(await answered) as { id: string }
  return { ms: performance.now() - lastByteAt, id }
}
