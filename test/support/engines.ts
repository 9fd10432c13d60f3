/**
 * Firefox and WebKit, Debian's, as far as a smoke test needs them: Firefox by WebDriver BiDi, which it speaks itself,
 * and WebKit's MiniBrowser by WebKitWebDriver on a screen of Xvfb. What a page does is read by expressions.
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { once } from 'node:events'
import { freePort } from '../../src/lab/machines/free-port.ts'
import { temporaryFolder, eventually } from './server.ts'

const FIREFOX = '/usr/bin/firefox-esr'
const WEBKIT_DRIVER = '/usr/bin/WebKitWebDriver'
const XVFB = '/usr/bin/Xvfb'
const [MINI_BROWSER] = globSync('/usr/lib/*/webkit2gtk-4.*/MiniBrowser')
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'

export interface Engine extends AsyncDisposable {
  goto(url: string): Promise<void>
  /** The value of an expression on the page. */
  evaluate<T>(expression: string): Promise<T>
  /** A click of a person on the first element that fits. */
  click(selector: string): Promise<void>
  type(selector: string, text: string): Promise<void>
  chooseFile(selector: string, path: string): Promise<void>
}

export const ENGINES: readonly { name: string; missing: string | false; open: () => Promise<Engine> }[] = [
  { name: 'Firefox', missing: missing([FIREFOX]), open: openFirefox },
  { name: 'WebKit', missing: missing([WEBKIT_DRIVER, XVFB, MINI_BROWSER ?? 'MiniBrowser']), open: openWebKit },
]

function missing(programs: string[]): string | false {
  const lacking = programs.filter((program) => !existsSync(program))
  return lacking.length > 0 && `${lacking.join(', ')} is not installed`
}

const started = new Set<ChildProcess>()
process.on('exit', () => started.forEach((child) => child.kill('SIGKILL')))

/** A process whose output is looked through for `ready`. */
async function start(program: string, args: string[], env: Record<string, string>, ready: RegExp) {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } }
  const child = spawn(program, args, options)
  started.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const found = await eventually(() => {
    if (child.exitCode !== null) throw new Error(`${program} ended early: ${output}`)
    return ready.exec(output)?.[1]
  })
  return { child, found }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  started.delete(child)
}

async function openFirefox(): Promise<Engine> {
  const profile = temporaryFolder()
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0', 'about:blank']
  const { child, found } = await start(FIREFOX, args, { HOME: profile }, /BiDi listening on (ws:\S+)/)
  const socket = new WebSocket(`${found}/session`)
  await once(socket, 'open')
  const waiting = new Map<number, (answer: Answer) => void>()
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer
    waiting.get(answer.id)?.(answer)
  })
  let lastId = 0
  const send = async <T>(method: string, params: Record<string, unknown> = {}): Promise<T> => {
    lastId += 1
    const { promise, resolve } = Promise.withResolvers<Answer>()
    waiting.set(lastId, resolve)
    socket.send(JSON.stringify({ id: lastId, method, params }))
    const { result, error, message } = await promise
    if (error) throw new Error(`${method}: ${error}: ${message}`)
    return result as T
  }
  await send('session.new', { capabilities: {} })
  const { contexts } = await send<{ contexts: { context: string }[] }>('browsingContext.getTree')
  return new Firefox(child, send, contexts[0]?.context ?? '')
}

interface Answer {
  id: number
  result?: unknown
  error?: string
  message?: string
}
type Send = <T>(method: string, params?: Record<string, unknown>) => Promise<T>
interface Evaluated {
  type: string
  result?: { value?: unknown; sharedId?: string }
  exceptionDetails?: { text: string }
}

class Firefox implements Engine {
  readonly #child: ChildProcess
  readonly #send: Send
  readonly #context: string

  constructor(child: ChildProcess, send: Send, context: string) {
    this.#child = child
    this.#send = send
    this.#context = context
  }

  async goto(url: string): Promise<void> {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' })
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { value } = await this.#evaluate(`JSON.stringify(${expression}) ?? null`)
    return (typeof value !== 'string' ? null : JSON.parse(value)) as T
  }

  async click(selector: string): Promise<void> {
    const origin = { type: 'element', element: await this.#find(selector) }
    const actions = [
      { type: 'pointerMove', x: 0, y: 0, origin },
      { type: 'pointerDown', button: 0 },
      { type: 'pointerUp', button: 0 },
    ]
    await this.#perform({ type: 'pointer', id: 'mouse', actions })
  }

  async type(selector: string, text: string): Promise<void> {
    await this.click(selector)
    const actions = Array.from(text).flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ])
    await this.#perform({ type: 'key', id: 'keyboard', actions })
  }

  async chooseFile(selector: string, path: string): Promise<void> {
    const element = await this.#find(selector)
    await this.#send('input.setFiles', { context: this.#context, element, files: [path] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send('browser.close')
    await end(this.#child)
  }

  async #perform(source: Record<string, unknown>): Promise<void> {
    await this.#send('input.performActions', { context: this.#context, actions: [source] })
  }

  async #find(selector: string): Promise<{ sharedId: string }> {
    await this.#evaluate(`document.querySelector(${JSON.stringify(selector)})?.scrollIntoView({ block: 'center' })`)
    const { sharedId } = await this.#evaluate(`document.querySelector(${JSON.stringify(selector)})`)
    assert.ok(sharedId, `nothing fits ${selector}`)
    return { sharedId }
  }

  async #evaluate(expression: string): Promise<{ value?: unknown; sharedId?: string }> {
    const target = { context: this.#context }
    const answer = await this.#send<Evaluated>('script.evaluate', { expression, target, awaitPromise: true })
    if (answer.type !== 'success') throw new Error(`${expression}: ${answer.exceptionDetails?.text}`)
    return answer.result ?? {}
  }
}

async function openWebKit(): Promise<Engine> {
  const screen = await start(
    XVFB,
    ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'],
    {},
    /^(\d+)\n/,
  )
  const home = temporaryFolder()
  const env = {
    DISPLAY: `:${screen.found}`,
    HOME: home,
    XDG_RUNTIME_DIR: home,
    GDK_BACKEND: 'x11',
    LIBGL_ALWAYS_SOFTWARE: '1',
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    GSETTINGS_BACKEND: 'memory',
    NO_AT_BRIDGE: '1',
  }
  // It does not tell a port that it chose itself.
  const port = await freePort()
  const child = spawn(WEBKIT_DRIVER, [`--port=${port}`], { stdio: 'ignore', env: { ...process.env, ...env } })
  started.add(child)
  const base = `http://127.0.0.1:${port}`
  await eventually(() => fetch(`${base}/status`).catch(() => null))
  const options = { binary: MINI_BROWSER, args: ['--automation'] }
  const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': options } }
  const { sessionId } = await command<{ sessionId: string }>(`${base}/session`, { capabilities })
  return new WebKit([child, screen.child], `${base}/session/${sessionId}`)
}

async function command<T>(url: string, body?: unknown): Promise<T> {
  const init: RequestInit = body === undefined ? { method: 'DELETE' } : { method: 'POST', body: JSON.stringify(body) }
  const { value } = (await (await fetch(url, init)).json()) as { value: T & { error?: string; message?: string } }
  if (value?.error) throw new Error(`${url}: ${value.error}: ${value.message}`)
  return value
}

class WebKit implements Engine {
  readonly #children: ChildProcess[]
  readonly #session: string

  constructor(children: ChildProcess[], session: string) {
    this.#children = children
    this.#session = session
  }

  async goto(url: string): Promise<void> {
    await command(`${this.#session}/url`, { url })
  }

  async evaluate<T>(expression: string): Promise<T> {
    return await command<T>(`${this.#session}/execute/sync`, { script: `return ${expression}`, args: [] })
  }

  async click(selector: string): Promise<void> {
    await command(`${await this.#find(selector)}/click`, {})
  }

  async type(selector: string, text: string): Promise<void> {
    await command(`${await this.#find(selector)}/value`, { text })
  }

  async chooseFile(selector: string, path: string): Promise<void> {
    await this.type(selector, path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await command(this.#session)
    for (const child of this.#children) await end(child)
  }

  async #find(selector: string): Promise<string> {
    const found = await command<Record<string, string>>(`${this.#session}/element`, {
      using: 'css selector',
      value: selector,
    })
    return `${this.#session}/element/${found[ELEMENT]}`
  }
}
