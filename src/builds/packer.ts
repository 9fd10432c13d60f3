/** The Packer binary: where it is, which version, and what it makes of an expression. Runs of builds are not here. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { HoldfastError, messageOf, randomId } from '../base/index.ts'
import { AnswerFolder } from './answer-folder.ts'
import { BuildError } from './errors.ts'

export interface Packer {
  /** Absolute, or as HOLDFAST_PACKER gives it. */
  readonly path: string
  /** `1.6.6`. */
  readonly version: string
}

/** What a user gives to Packer beside the template; variables in the order in which Packer must see them. */
export interface PackerInput {
  /** `key=value`, as after `-var`. */
  readonly vars: readonly string[]
  /** As after `-var-file`; relative to `cwd`. Weaker than `vars`. */
  readonly varFiles: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /**
   * Whether the template asks for TMPDIR: then Packer gets the user's, and leaves its files there when it is killed.
   */
  readonly readsTmpdir?: boolean
}

/**
 * The result of one expression: a JSON value; Packer's reason why there is none; `sensitive` when Packer hides the
 * value.
 */
export type Evaluated = { readonly value: unknown } | { readonly error: string; readonly sensitive: boolean }

const ANSWER_TIMEOUT_MS = 60_000
/** `packer console` reads lines of at most 64 KiB; its time grows with the square of a line's length (32 KiB: 4 s). */
const LINE_BYTES = 8000
/** At most, of what is put round each expression. */
const WRAPPING_BYTES = 100
const OUTPUT_BYTES = 64 * 1024 * 1024

/**
 * The `packer` of the PATH, or the program that HOLDFAST_PACKER names.
 * @throws PACKER_MISSING when there is none, or it does not answer with a version.
 */
export async function findPacker({ env }: { env: NodeJS.ProcessEnv }): Promise<Packer> {
  const named = env['HOLDFAST_PACKER'] ?? ''
  const path = await findExecutable(named === '' ? 'packer' : named, env['PATH'] ?? '')
  if (path === null) {
    const what = named === '' ? 'no packer on the PATH' : `HOLDFAST_PACKER names ${named}, which is not a program`
    throw new BuildError('PACKER_MISSING', `Packer was not found: ${what}.`, { hint: HOW_TO_INSTALL })
  }
  const { stdout, stderr } = await runPacker(path, ['version'], '', { cwd: process.cwd(), env })
  const version = /Packer v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1]
  if (version === undefined) {
    const said = (stdout + stderr)
      .trim()
      .split(/\s*\n\s*/)
      .slice(0, TELLING_LINES)
      .join(' ')
    throw new BuildError(
      'PACKER_MISSING',
      `${path} does not answer as HashiCorp's Packer does: 'packer version' says '${said}'.`,
      {
        hint: HOW_TO_INSTALL,
      },
    )
  }
  return { path, version }
}

/** Of what a program says that is not Packer. */
const TELLING_LINES = 3

const HOW_TO_INSTALL =
  'Install Packer: on Debian and Ubuntu `apt-get install packer`, elsewhere from https://developer.hashicorp.com/packer/install; ' +
  'or name the program in HOLDFAST_PACKER.'

async function findExecutable(name: string, path: string): Promise<string | null> {
  const candidates = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder, name))
  for (const candidate of candidates) {
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return candidate
  }
  return null
}

/**
 * Evaluates HCL expressions (each on one line) with `packer console`, which prints the last line's result only: all
 * go into one line, each in a `try` of its own. An expression that fails is asked for again alone, to learn why.
 * @param template the file or folder whose variables and locals they see.
 * @returns for each expression its value or why there is none; also when Packer cannot load the template at all.
 */
export async function evaluateHcl(
  packer: Packer,
  template: string,
  input: PackerInput,
  expressions: readonly string[],
): Promise<Evaluated[]> {
  const ask = (line: string) => packerConsole(packer, template, input, line)
  const results: Evaluated[] = []
  for (const batch of batches(expressions)) {
    const tried = batch.map((expression) => `try(${spaced(expression)}, null)`)
    const together = parsed(await ask(`jsonencode([${tried.join(', ')}])`))
    const values = 'value' in together && Array.isArray(together.value) ? (together.value as unknown[]) : []
    for (const [index, expression] of batch.entries()) {
      const known = unspaced(values[index])
      results.push(known ?? (await evaluateAlone(expression, ask)))
    }
  }
  return results
}

/**
 * Packer replaces the values of sensitive variables in all that it prints, and so every 'vagrant' in a path when that
 * is the password. With a bar after each character it does not find them. In a list of one, because `jsonencode`
 * alone refuses null.
 */
function spaced(expression: string): string {
  return `regex_replace(jsonencode([${expression}]), ".", "$0|")`
}

function unspaced(text: unknown): Evaluated | null {
  if (typeof text !== 'string' || hidden(text)) return null
  const json = Array.from(text)
    .filter((_, index) => index % 2 === 0)
    .join('')
  return { value: (JSON.parse(json, wholeNumber) as unknown[])[0] }
}

/** A number that JavaScript would round stays a text. */
function wholeNumber(_name: string, value: unknown, { source = '' }: { source?: string } = {}): unknown {
  return typeof value === 'number' && String(value) !== source ? source : value
}

async function evaluateAlone(expression: string, ask: (line: string) => Promise<Answer>): Promise<Evaluated> {
  const answer = parsed(await ask(`jsonencode(${spaced(expression)})`))
  return 'value' in answer ? (unspaced(answer.value) ?? refused('<sensitive>')) : answer
}

/**
 * Renders the `{{...}}` of legacy JSON templates with `packer console`, in hexadecimal and so many in one line. What
 * stands around them never goes through Packer.
 * @returns for each text what becomes of it, or why nothing does.
 */
export async function renderJson(
  packer: Packer,
  template: string,
  input: PackerInput,
  texts: readonly string[],
): Promise<Evaluated[]> {
  const ask = (line: string) => packerConsole(packer, template, input, line)
  const actions = [...new Set(texts.flatMap((text) => text.match(ACTION) ?? []))]
  const values = new Map<string, Evaluated>()
  for (const batch of batches(actions)) {
    const lines = batch.map((action) => action.replace(/\s*-?\}\}$/, ' | printf "%x"}}'))
    const answer = await ask(lines.join(','))
    const together = answer.stdout.trim().split(',').map(unhex)
    for (const [index, action] of batch.entries()) {
      const known = together.length === batch.length ? together[index] : null
      values.set(action, known ?? renderedAlone(await ask(lines[index] ?? '')))
    }
  }
  return texts.map((text) => substituted(text, values))
}

const ACTION = /\{\{.*?\}\}/gs

function substituted(text: string, values: ReadonlyMap<string, Evaluated>): Evaluated {
  const own = (text.match(ACTION) ?? []).map((action) => values.get(action))
  const failed = own.find((value) => value && 'error' in value)
  if (failed) return failed
  const valueOf = (action: string) => {
    const found = values.get(action)
    return found && 'value' in found ? String(found.value) : action
  }
  return { value: text.replace(ACTION, valueOf) }
}

function unhex(text: string): Evaluated | null {
  return /^(?:[0-9a-f]{2})*$/.test(text) ? { value: Buffer.from(text, 'hex').toString() } : null
}

/** Packer's console exits with 0 even when it could not render. */
function renderedAlone({ stdout, failed }: Answer): Evaluated {
  return (failed ? null : unhex(stdout.trim())) ?? refused(stdout.trim())
}

function* batches(lines: readonly string[]): Generator<string[]> {
  let batch: string[] = []
  let size = 0
  for (const line of lines) {
    const bytes = Buffer.byteLength(line) + WRAPPING_BYTES
    if (batch.length > 0 && size + bytes > LINE_BYTES) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(line)
    size += bytes
  }
  if (batch.length > 0) yield batch
}

interface Answer {
  stdout: string
  failed: boolean
}

async function packerConsole(packer: Packer, template: string, input: PackerInput, line: string): Promise<Answer> {
  if (/[\n\r]/.test(line)) return { stdout: 'An expression of several lines cannot be evaluated.', failed: true }
  const given = [...input.varFiles.map((file) => `-var-file=${file}`), ...input.vars.flatMap((one) => ['-var', one])]
  const result = await runPacker(packer.path, ['console', ...given, template], `${line}\n`, input)
  return { stdout: result.stdout + (result.failed ? result.stderr : ''), failed: result.failed }
}

function parsed({ stdout, failed }: Answer): Evaluated {
  // Warnings (of a value for a variable that is not there) stand before it.
  const text = failed ? stdout.trim() : (stdout.trim().split('\n').at(-1) ?? '')
  if (failed || hidden(text)) return refused(text)
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    const isUnknown = text === '<unknown>'
    return isUnknown ? { error: 'its value is only known during a run', sensitive: false } : refused(stdout.trim())
  }
}

function hidden(text: string): boolean {
  return text.includes('<sensitive>')
}

function refused(text: string): { error: string; sensitive: boolean } {
  return { error: reason(text), sensitive: hidden(text) }
}

function reason(text: string): string {
  if (hidden(text)) return 'it holds the value of a sensitive variable'
  const lines = text
    .slice(Math.max(0, text.indexOf('Error: ')))
    .split('\n')
    .map((line) => line.trim())
  const telling = lines.filter((line) => line !== '' && !/^(on <|\(source code|\?+: Interpolation)/.test(line))
  return telling.slice(0, 3).join(' ').replace(/\.+$/, '') || 'Packer gives no reason'
}

interface Ran {
  stdout: string
  stderr: string
  failed: boolean
}

/** What every Packer gets: from 1.7 on it needs a HOME, which services and cron jobs may lack. */
export function packerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const home = (env['HOME'] ?? '') === '' ? { HOME: homeFolder() } : {}
  // Without it Packer asks the network for a newer version first.
  return { ...env, ...home, CHECKPOINT_DISABLE: '1' }
}

/** From the system, which may not know the user of a container. */
function homeFolder(): string {
  try {
    return userInfo().homedir
  } catch {
    return '/'
  }
}

/**
 * Runs it to its end for an answer, which it writes into files: at a broken pipe it would end at once, and leave its
 * temporary files for ever, when we are killed. @throws PACKER_FAILED when it cannot be run, or takes longer than a
 * minute.
 */
export async function runPacker(
  path: string,
  args: readonly string[],
  stdin: string,
  { cwd, env, readsTmpdir = false }: Pick<PackerInput, 'cwd' | 'env' | 'readsTmpdir'>,
): Promise<Ran> {
  const failed = (why: string, cause?: unknown) =>
    new BuildError('PACKER_FAILED', `'${path} ${args[0]}' could not be run: ${why}`, { cause })
  try {
    using folder = new AnswerFolder(env, cwd)
    using stdout = new AnswerFile(folder)
    using stderr = new AnswerFile(folder)
    const child = spawn(path, args, {
      cwd,
      env: { ...packerEnvironment(env), PACKER_LOG: '', ...(!readsTmpdir && { TMPDIR: folder.path }) },
      timeout: ANSWER_TIMEOUT_MS,
      // Ctrl-C is for us: half an answer would be taken for Packer's.
      detached: true,
      stdio: ['pipe', stdout.fd, stderr.fd],
    })
    // A Packer that ends before it has read everything says why in its output.
    child.stdin?.on('error', () => child.stdin?.destroy())
    child.stdin?.end(stdin)
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    if (code === null) throw failed(`it was ended by ${signal}`)
    return { stdout: stdout.read(), stderr: stderr.read(), failed: code !== 0 }
  } catch (error) {
    throw error instanceof HoldfastError ? error : failed(messageOf(error), error)
  }
}

/** A file without a name. */
class AnswerFile implements Disposable {
  readonly fd: number

  constructor(folder: AnswerFolder) {
    const path = join(folder.path, `answer-${randomId(10)}`)
    this.fd = openSync(path, 'wx+', 0o600)
    rmSync(path)
  }

  read(): string {
    const bytes = Buffer.alloc(Math.min(fstatSync(this.fd).size, OUTPUT_BYTES))
    return bytes.toString('utf8', 0, readSync(this.fd, bytes, 0, bytes.length, 0))
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}
