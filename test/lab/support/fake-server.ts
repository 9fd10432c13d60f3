/**
 * A small server with PicoShare's API and one fault: `node fake-server.ts PORT FAULT HOST FOLDER`. Without a fault it
 * stores nothing but hashes, and hands them out as Holdfast does.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'

const [port, fault = 'none', host = '127.0.0.1', folder = ''] = process.argv.slice(2)
const files: { id: string; filename: string; sha256: string }[] = []
const FAULT_AFTER_BYTES = 300_000

/** `the-fourth-stalls`: of all that were started for this folder. */
const isStalling = fault === 'stalls' || (fault === 'the-fourth-stalls' && countStarts() === 4)

if (fault === 'exits') process.exit(3)
if (fault === 'hears-nothing') process.on('SIGTERM', () => undefined)
if (fault === 'never-listens') setInterval(() => undefined, 1000)
else
  createServer((request, response) => void answer(request, response).catch(() => response.destroy())).listen(
    Number(port),
    host,
  )

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? ''
  if (url === '/api/health') {
    response.statusCode = fault === 'never-ready' ? 503 : 200
    response.end('{}')
  } else if (url === '/api/auth') {
    response.setHeader('set-cookie', 'sharedSecret=x; Path=/').end()
  } else if (url.startsWith('/api/files?')) {
    response.end(JSON.stringify({ files }))
  } else if (request.method === 'DELETE') {
    const index = files.findIndex(({ id }) => url.endsWith(`/${id}`))
    if (index >= 0) files.splice(index, 1)
    response.end()
  } else if (request.method === 'PUT') {
    if (fault === 'refuses-early') response.writeHead(413).end('too much')
    else await receive(request, response, url.split('/').at(-1) ?? '')
  } else {
    response.statusCode = 404
    response.end()
  }
}

async function receive(request: IncomingMessage, response: ServerResponse, filename: string): Promise<void> {
  const hash = createHash('sha256')
  let received = 0
  for await (const data of request as AsyncIterable<Buffer>) {
    hash.update(data)
    received += data.length
    if (received > FAULT_AFTER_BYTES) misbehave(request)
    if (received > FAULT_AFTER_BYTES && isStalling) await once(request, 'close')
  }
  if (fault === 'lies') hash.update('another byte')
  files.push({ id: `${files.length}`, filename, sha256: hash.digest('hex') })
  response.statusCode = fault === 'answers-500' ? 500 : 201
  response.end(fault === 'answers-500' ? 'the disk is on fire' : '{}')
}

function countStarts(): number {
  const path = join(folder, 'starts')
  appendFileSync(path, '.')
  return statSync(path).size
}

function misbehave(request: IncomingMessage): void {
  if (fault === 'dies') process.exit(1)
  if (fault === 'aborts-for-memory') {
    console.error('FATAL ERROR: JavaScript heap out of memory')
    process.abort()
  }
  if (fault === 'resets') request.socket.resetAndDestroy()
}
