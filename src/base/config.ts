/**
 * Reads the configuration: flags over environment over config file over defaults, parsed once into one frozen object.
 * Finds all mistakes before it gives up. Opens nothing but the config file and the secret file.
 */
import { readFileSync } from 'node:fs'
import { closest } from './closest.ts'
import { BaseError, messageOf } from './errors.ts'
import { OPTIONS, type Option } from './options.ts'
import { Secret } from './secret.ts'

type Options = typeof OPTIONS

/** The effective settings; durations in milliseconds, sizes in bytes. */
export type Config = Readonly<{ [Key in keyof Options]: Options[Key] extends Option<infer T> ? T : never }>

/** One mistake: where it stands, what was given, what is allowed. */
export interface ConfigIssue {
  /** A variable, a flag with its dashes, or `FILE: key`. */
  source: string
  message: string
}

export type ConfigResult = { ok: true; value: Config } | { ok: false; issues: ConfigIssue[] }

export interface ConfigSources {
  /** Values by flag name without dashes. */
  flags?: Readonly<Record<string, string | undefined>>
  env?: Readonly<Record<string, string | undefined>>
  /**
   * A JSON object of option names (`port`, `dataFolder`, ...); default the path in `HOLDFAST_CONFIG`, if that is set.
   */
  file?: string | undefined
}

/** Variables that are ours, yet no option. */
const OTHER_VARIABLES = [
  'HOLDFAST_CONFIG',
  'HOLDFAST_PACKER',
  'HOLDFAST_LOCK_ID',
  'HOLDFAST_LOCK_IDS',
  'HOLDFAST_LOCK_TOKEN',
]

/** As files for `docker run --env-file` and units of systemd pass them on when people quote as in a shell. */
export const QUOTED = /^(["']).*\1$/s

/** Parses the configuration; never throws for a mistake in it. */
export function parseConfig({
  flags = {},
  env = process.env,
  file = withoutLineEnd(env.HOLDFAST_CONFIG ?? ''),
}: ConfigSources): ConfigResult {
  const issues: ConfigIssue[] = []
  const fromFile = file ? readConfigFile(file, issues) : {}
  const values: Record<string, unknown> = {}
  for (const [key, option] of entries()) {
    const given = findGiven(key, option, flags, env, fromFile, file)
    // A passphrase may begin and end with quotes; no other setting does.
    const isQuoted = given !== undefined && key !== 'sharedSecret' && QUOTED.test(given.text)
    const value = given && !isQuoted ? option.parse(given.text) : option.default
    if (given && (isQuoted || value === null)) {
      const shown = option.flag === null ? 'the value' : JSON.stringify(given.text)
      const problem = isQuoted ? 'is in quotes, which are part of the value: remove them' : `is not ${option.allowed}`
      issues.push({ source: given.source, message: `${shown} ${problem}` })
    }
    values[key] = value
  }
  issues.push(...unknownVariables(env))
  readSecretFile(values, issues)
  if (issues.length > 0) return { ok: false, issues }
  return { ok: true, value: Object.freeze(values) as Config }
}

/**
 * The configuration, or all that is wrong with it.
 * @throws INVALID_CONFIG with one line for each mistake.
 */
export function loadConfig(sources: ConfigSources): Config {
  const result = parseConfig(sources)
  if (result.ok) return result.value
  const lines = result.issues.map((issue) => `  ${issue.source}: ${issue.message}`)
  const count = result.issues.length === 1 ? 'a mistake' : `${result.issues.length} mistakes`
  throw new BaseError('INVALID_CONFIG', `the configuration has ${count}:\n${lines.join('\n')}`, {
    details: { issues: result.issues },
  })
}

/** The effective configuration as `name = value` pairs in the table's order, secrets masked. */
export function describeConfig(config: Config): { name: string; value: string; isDefault: boolean }[] {
  return entries().map(([key, option]) => {
    const value = config[key]
    return { name: key, value: option.format(value), isDefault: value === option.default }
  })
}

function entries(): [keyof Options, Option<unknown>][] {
  return Object.entries(OPTIONS) as [keyof Options, Option<unknown>][]
}

interface Given {
  source: string
  text: string
}

function findGiven(
  key: string,
  option: Option<unknown>,
  flags: NonNullable<ConfigSources['flags']>,
  env: NonNullable<ConfigSources['env']>,
  fromFile: Record<string, unknown>,
  file: string | undefined,
): Given | undefined {
  const flag = option.flag === null ? undefined : flags[option.flag]
  if (flag !== undefined) return { source: `--${option.flag}`, text: flag }
  // An empty variable counts as unset, as in PicoShare and in compose files.
  const name = option.env.find((candidate) => env[candidate] && !isOfKubernetes(candidate, env[candidate]))
  if (name) return { source: name, text: withoutLineEnd(env[name] ?? '') }
  const present = 'presence' in option ? (option.presence as string[]).find((candidate) => env[candidate]) : undefined
  if (present) return { source: present, text: 'true' }
  if (key in fromFile && fromFile[key] !== '')
    return { source: `${file}: ${key}`, text: withoutLineEnd(String(fromFile[key])) }
  return undefined
}

/** Files with variables that were edited on Windows end their lines in CR LF. */
function withoutLineEnd(text: string): string {
  return text.replace(/[\r\n]+$/, '')
}

function readConfigFile(path: string, issues: ConfigIssue[]): Record<string, unknown> {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    issues.push({ source: path, message: `cannot be read as JSON: ${messageOf(error)}` })
    return {}
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    issues.push({ source: path, message: 'is not a JSON object of settings' })
    return {}
  }
  for (const key of Object.keys(content)) {
    if (!(key in OPTIONS)) issues.push({ source: `${path}: ${key}`, message: unknownName(key, Object.keys(OPTIONS)) })
  }
  return content as Record<string, unknown>
}

function unknownVariables(env: NonNullable<ConfigSources['env']>): ConfigIssue[] {
  const known = [...entries().flatMap(([, option]) => option.env), ...OTHER_VARIABLES]
  return Object.keys(env)
    .filter((name) => name.startsWith('HOLDFAST_') && !known.includes(name) && !isOfKubernetes(name, env[name]))
    .map((name) => ({ source: name, message: unknownName(name, known) }))
}

/**
 * Whether Kubernetes has made a variable for a Service whose name begins with `holdfast`, such as
 * `HOLDFAST_PORT=tcp://10.0.0.1:80`
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
 */
function isOfKubernetes(name: string, value = ''): boolean {
  if (/^HOLDFAST(_\w+)?_SERVICE_(HOST|PORT(_\w+)?)$/.test(name)) return true
  if (/^HOLDFAST(_\w+)?_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true
  return /^HOLDFAST(_\w+)?_PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value)
}

function unknownName(name: string, known: readonly string[]): string {
  const candidate = closest(name, known)
  return candidate ? `is not a setting; did you mean ${candidate}?` : 'is not a setting'
}

function readSecretFile(values: Record<string, unknown>, issues: ConfigIssue[]): void {
  const path = values.sharedSecretFile
  if (typeof path !== 'string' || path === '') return
  try {
    const secret = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '')
    if (secret === '') issues.push({ source: path, message: 'the shared secret file is empty' })
    else values.sharedSecret = new Secret(secret)
  } catch (error) {
    issues.push({ source: path, message: `the shared secret file cannot be read: ${messageOf(error)}` })
  }
}
