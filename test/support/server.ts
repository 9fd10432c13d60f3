/**
 * Runs the real server as a process of its own on a free port and a throwaway data folder. Whatever a test does, all
 * that was started here is ended and removed when its file is over.
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MAIN } from '../helpers/holdfast-main.ts'
import type { SharedFile } from '../../src/client/api-types.ts'

/** Far more than anything takes: only what hangs meets it, not what is slow. */
const DEADLINE_MS = 60_000
const BIN = join(import.meta.dirname, '../../bin/holdfast')
const PASSPHRASE = 'correct horse battery staple'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface ServerOptions {
  /** Flags after `serve --data FOLDER --port 0`. */
  args?: string[]
  env?: Record<string, string>
  /** An existing folder; default a new one. */
  dataFolder?: string
  /** Run bin/holdfast, so the built program where there is a fresh one, which starts sooner. Default false. */
  built?: boolean
  /** Run this file in its folder, with no variables but those given. */
  executable?: string
  /** The owner's passphrase; null lets the server make one. */
  passphrase?: string | null
}

const children = new Set<ChildProcess>()
const folders = new Set<string>()

process.on('exit', cleanUp)
// The test runner ends a file that takes too long by this signal.
process.once('SIGTERM', () => process.exit(143))
after(cleanUp)

function cleanUp(): void {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  folders.clear()
}

/** A folder that is removed at the end of the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  folders.add(folder)
  return folder
}

/** Starts the command line program; see {@link run} for commands that end by themselves. */
function spawnHoldfast(args: string[], env: Record<string, string> = {}, cwd?: string): Program {
  return launch(process.execPath, [MAIN, ...args], env, cwd)
}

function launch(command: string, args: string[], env: Record<string, string>, cwd?: string): Program {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  const child = spawn(command, args, {
    env: { PATH, TZ: 'UTC', ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  })
  return new Program(child)
}

/** Runs the command line program to its end. */
export async function run(args: string[], env?: Record<string, string>, cwd?: string) {
  const program = spawnHoldfast(args, env, cwd)
  const { code, signal } = await program.exited
  return { code, signal, stdout: program.stdout, stderr: program.stderr }
}

export class Program {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  exit: Exit | null = null
  stdout = ''
  stderr = ''

  constructor(child: ChildProcess) {
    this.child = child
    children.add(child)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        children.delete(child)
        this.exit = { code, signal }
        resolve(this.exit)
      })
    })
  }

  get pid(): number {
    assert.ok(this.child.pid)
    return this.child.pid
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** What came back, with its body read. */
export interface Answer {
  status: number
  headers: Headers
  text: string
  bytes: Buffer
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what a test expects, named where it asks
  json<T = Record<string, unknown>>(): T
}

export type RequestOptions = RequestInit & { duplex?: 'half' }

export type Body = NonNullable<RequestInit['body']>

export class TestServer implements AsyncDisposable {
  readonly program: Program
  readonly url: string
  readonly dataFolder: string
  readonly passphrase: string
  /** The owner's session. */
  cookie = ''

  constructor(program: Program, url: string, dataFolder: string, passphrase: string) {
    this.program = program
    this.url = url
    this.dataFolder = dataFolder
    this.passphrase = passphrase
  }

  get pid(): number {
    return this.program.pid
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  get log(): string {
    return this.program.stderr
  }

  async login(): Promise<string> {
    const answer = await this.guest('/api/auth', postJson({ sharedSecretKey: this.passphrase }))
    assert.equal(answer.status, 200)
    this.cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return this.cookie
  }

  /** A request of the owner. */
  async owner(path: string, options: RequestOptions = {}): Promise<Answer> {
    const headers = new Headers(options.headers)
    headers.set('cookie', this.cookie)
    return await this.guest(path, { ...options, headers })
  }

  /** A request of anybody. */
  async guest(path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await fetch(this.url + path, { redirect: 'manual', ...options })
    const bytes = Buffer.from(await response.arrayBuffer())
    const text = bytes.toString()
    const { status, headers } = response
    const json: Answer['json'] = () => JSON.parse(text)
    return { status, headers, bytes, text, json }
  }

  /** Uploads by raw PUT as the owner. @returns the file as the API shows it. */
  async put(name: string, body: Body, query = ''): Promise<FileView> {
    const headers = { accept: 'application/json' }
    const options: RequestOptions = { method: 'PUT', body, headers, duplex: 'half' }
    const answer = await this.owner(`/api/files/${encodeURIComponent(name)}${query}`, options)
    assert.equal(answer.status, 201, answer.text)
    return answer.json<FileView>()
  }

  async list(query = ''): Promise<{ files: FileView[]; total: number; totalBytes: number }> {
    return (await this.owner(`/api/files${query}`)).json()
  }

  /** The database, to look at or to move times in. Close it. */
  database(): DatabaseSync {
    return new DatabaseSync(join(this.dataFolder, 'holdfast.db'), { timeout: 5000 })
  }

  /** The process's own account of itself in bytes, e.g. `VmRSS` or `VmHWM`. */
  memory(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  }

  /** Asks it to end by SIGTERM and waits until it has. */
  async stop(): Promise<Exit> {
    this.program.signal('SIGTERM')
    return await this.program.exited
  }

  /** As a power cut would: no time for anything. */
  async kill(): Promise<void> {
    this.program.signal('SIGKILL')
    await this.program.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.dataFolder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** A file as the API shows it. */
export type FileView = SharedFile

/** Starts a server, logged in as its owner. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { args = [], env = {}, dataFolder = temporaryFolder(), built = false, passphrase = PASSPHRASE } = options
  const secret: Record<string, string> = passphrase === null ? {} : { HOLDFAST_SHARED_SECRET: passphrase }
  const line = ['serve', '--data', dataFolder, '--port', '0', ...args]
  const variables = { ...secret, ...env }
  const program = options.executable
    ? launch(options.executable, line, { PATH: '', ...variables }, dirname(options.executable))
    : built
      ? launch(BIN, line, variables)
      : spawnHoldfast(line, variables)
  const url = await printed(program, /Holdfast is at (http:\S+)\n/)
  const made = passphrase ?? (await printed(program, /Passphrase: (\S+)\n/))
  const server = new TestServer(program, url, dataFolder, made)
  await server.login()
  return server
}

async function printed(program: Program, pattern: RegExp): Promise<string> {
  const found = await eventually(() => pattern.exec(program.stdout)?.[1] ?? program.exit)
  if (typeof found === 'string') return found
  throw new Error(`the server ended early (${JSON.stringify(found)}):\n${program.stdout}${program.stderr}`)
}

/** Asks again and again until the answer is truthy; fails at the deadline. */
export async function eventually<T>(ask: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = performance.now() + DEADLINE_MS
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > end) throw new Error(`not so within ${DEADLINE_MS} ms: ${ask.toString()}`)
    await sleep(20)
  }
}

export function postJson(body: unknown): RequestOptions {
  return sendJson('POST', body)
}

export function putJson(body: unknown): RequestOptions {
  return sendJson('PUT', body)
}

/** A request with a JSON body. */
export function sendJson(method: string, body: unknown): RequestOptions {
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}
