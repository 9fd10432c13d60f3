/** The servers that are compared: Holdfast as `npm start` runs it, and nginx with its WebDAV module. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/lab/machines/free-port.ts'

const READY_TIMEOUT_MS = 15_000
const SECRET = 'bench'

export interface BenchServer {
  name: string
  pid: number
  /** Time from the start of the process to its first good answer, ms. */
  startMs: number
  /** Arguments with which curl uploads `file` as `name` in this way. */
  uploadArgs(way: UploadWay, file: string, name: string): string[]
  /** Where the last upload with this name can be downloaded. */
  downloadUrl(answer: string, name: string): string
  /** Removes it. */
  remove(answer: string, name: string): Promise<void>
  /** Where its bytes are, when the server itself does not wait for the disk. */
  storedPath(name: string): string | null
  stop(): Promise<void>
}

export type UploadWay = 'put' | 'form'

/**
 * Holdfast on a free port with its data in `folder`.
 * @param fsync whether it waits for the disk.
 * @param checkout a checkout that `npm run build` has compiled; default this one.
 */
export async function startHoldfast(
  folder: string,
  fsync: boolean,
  checkout = '.',
): Promise<BenchServer & { token: string; url: string }> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = ['serve', '--data', folder, '--port', String(port), '--fsync', String(fsync), '--log-level', 'warn']
  const env = { ...process.env, HOLDFAST_SHARED_SECRET: SECRET }
  const child = spawn(join(checkout, 'bin/holdfast'), args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const startMs = await untilReady(child, `${url}/api/health`)
  const token = await makeToken(url)
  const authorization = `Authorization: Bearer ${token}`
  return {
    name: `holdfast${fsync ? '' : ' (no fsync)'}`,
    pid: pidOf(child),
    startMs,
    token,
    url,
    uploadArgs: (way, file, name) => {
      const common = ['-H', authorization, '-H', 'Accept: application/json']
      if (way === 'put') return [...common, '-T', file, `${url}/api/files/${name}`]
      return [...common, '-F', `file=@${file};filename=${name}`, `${url}/api/entry?expiration=2999-12-31T00:00:00Z`]
    },
    downloadUrl: (answer) => `${url}/-${idIn(answer)}`,
    remove: async (answer) => {
      await fetch(`${url}/api/entry/${idIn(answer)}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      })
    },
    storedPath: () => null,
    stop: async () => end(child),
  }
}

/** nginx on a free port, one process, files in `folder`; null where it is not installed. */
export async function startNginx(folder: string): Promise<BenchServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const files = join(folder, 'files')
  mkdirSync(files, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/tmp-${kind};`,
  )
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; user root;
     events { worker_connections 64; }
     http { access_log off; sendfile on; client_max_body_size 0; ${temporary.join(' ')}
       server { listen 127.0.0.1:${port}; root ${files}; location / { dav_methods PUT DELETE; } } }`,
  )
  writeFileSync(join(files, 'ready'), 'ready')
  const child = spawn('/usr/sbin/nginx', ['-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  const startMs = await untilReady(child, `${url}/ready`)
  return {
    name: 'nginx',
    pid: pidOf(child),
    startMs,
    uploadArgs: (_way, file, name) => ['-T', file, `${url}/${name}`],
    downloadUrl: (_answer, name) => `${url}/${name}`,
    remove: async (_answer, name) => {
      await fetch(`${url}/${name}`, { method: 'DELETE' })
    },
    storedPath: (name) => join(files, name),
    stop: async () => end(child),
  }
}

async function makeToken(url: string): Promise<string> {
  const login = await fetch(`${url}/api/auth`, { method: 'POST', body: JSON.stringify({ sharedSecretKey: SECRET }) })
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
  const made = await fetch(`${url}/api/tokens`, { method: 'POST', headers: { cookie }, body: '{"name":"bench"}' })
  const { token } = (await made.json()) as { token: string }
  return token
}

function idIn(answer: string): string {
  const { id } = JSON.parse(answer) as { id: string }
  return id
}

async function untilReady(child: ChildProcess, url: string): Promise<number> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < READY_TIMEOUT_MS) {
    const answer = await fetch(url).catch(() => null)
    if (answer?.ok) return performance.now() - startedAt
    if (child.exitCode !== null) break
    await sleep(5)
  }
  throw new Error(`${child.spawnfile} did not become ready at ${url}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} did not start`)
  return child.pid
}
