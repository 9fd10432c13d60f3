/**
 * Reads the configuration: flags over environment over config file over defaults, parsed once into one frozen object.
 * Finds all mistakes before it gives up. Opens nothing but the config file and the secret file.
 */
import { readFileSync } from 'node:fs'
import { closest } from './closest.ts'
import { BaseError, messageOf } from './errors.ts'
import type { Option, OptionTable } from './options.ts'
import { Secret } from './secret.ts'

/** The effective settings; durations in milliseconds, sizes in bytes. */
export type Config<Options extends OptionTable> = Readonly<{
  [Key in keyof Options]: Options[Key] extends Option<infer T> ? T : never
}>

/** All that a configuration may name. */
export interface Settings<Options extends OptionTable> {
  options: Options
  /** Variables that are ours, yet no option. */
  variables: readonly string[]
}

/** One mistake: where it stands, what was given, what is allowed. */
export interface ConfigIssue {
  /** A variable, a flag with its dashes, or `FILE: key`. */
  source: string
  message: string
}

export type ConfigResult<Options extends OptionTable> =
  | { ok: true; value: Config<Options> }
  | { ok: false; issues: ConfigIssue[] }

export interface ConfigSources {
  /** Values by flag name without dashes. */
  flags?: Readonly<Record<string, string | undefined>>
  env?: Readonly<Record<string, string | undefined>>
  /**
   * A JSON object of option names (`port`, `dataFolder`, ...); default the path in `HOLDFAST_CONFIG`, if that is set.
   */
  file?: string | undefined
}

/** As files for `docker run --env-file` and units of systemd pass them on when people quote as in a shell. */
export const QUOTED = /^(["']).*\1$/s

/** Parses the configuration; never throws for a mistake in it. */
export function parseConfig<Options extends OptionTable>(
  { options, variables }: Settings<Options>,
  { flags = {}, env = process.env, file = withoutLineEnd(env['HOLDFAST_CONFIG'] ?? '') }: ConfigSources,
): ConfigResult<Options> {
  const issues: ConfigIssue[] = []
  const fromFile = file ? readConfigFile(options, file, issues) : {}
  const values: Record<string, unknown> = {}
  for (const [key, option] of Object.entries(options)) {
    const given = findGiven(key, option, flags, env, fromFile, file)
    const isQuoted = given !== undefined && !option.mayBeQuoted && QUOTED.test(given.text)
    const value = given && !isQuoted ? option.parse(given.text) : option.default
    if (given && (isQuoted || value === null)) {
      const shown = option.flag === null ? 'the value' : JSON.stringify(given.text)
      const problem = isQuoted ? 'is in quotes, which are part of the value: remove them' : `is not ${option.allowed}`
      issues.push({ source: given.source, message: `${shown} ${problem}` })
    }
    values[key] = value
  }
  issues.push(...unknownVariables(options, variables, env))
  readSecretFiles(options, values, issues)
  if (issues.length > 0) return { ok: false, issues }
  return { ok: true, value: Object.freeze(values) as Config<Options> }
}

/**
 * The configuration, or all that is wrong with it.
 * @throws INVALID_CONFIG with one line for each mistake.
 */
export function loadConfig<Options extends OptionTable>(
  settings: Settings<Options>,
  sources: ConfigSources,
): Config<Options> {
  const result = parseConfig(settings, sources)
  if (result.ok) return result.value
  const lines = result.issues.map((issue) => `  ${issue.source}: ${issue.message}`)
  const count = result.issues.length === 1 ? 'a mistake' : `${result.issues.length} mistakes`
  throw new BaseError('INVALID_CONFIG', `the configuration has ${count}:\n${lines.join('\n')}`, {
    details: { issues: result.issues },
  })
}

/** The effective configuration as `name = value` pairs in the table's order, secrets masked. */
export function describeConfig<Options extends OptionTable>(
  options: Options,
  config: Config<Options>,
): { name: string; value: string; isDefault: boolean }[] {
  return Object.entries(options).map(([key, option]) => {
    const value: unknown = config[key]
    return { name: key, value: option.format(value), isDefault: value === option.default }
  })
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

function readConfigFile(options: OptionTable, path: string, issues: ConfigIssue[]): Record<string, unknown> {
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
    if (!(key in options)) issues.push({ source: `${path}: ${key}`, message: unknownName(key, Object.keys(options)) })
  }
  return content as Record<string, unknown>
}

function unknownVariables(
  options: OptionTable,
  variables: readonly string[],
  env: NonNullable<ConfigSources['env']>,
): ConfigIssue[] {
  const known = [...Object.values(options).flatMap((option) => option.env), 'HOLDFAST_CONFIG', ...variables]
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

function readSecretFiles(options: OptionTable, values: Record<string, unknown>, issues: ConfigIssue[]): void {
  for (const [key, { holds }] of Object.entries(options)) {
    const path = values[key]
    if (holds === undefined || typeof path !== 'string' || path === '') continue
    try {
      const secret = withoutLineEnd(readFileSync(path, 'utf8'))
      if (secret === '') issues.push({ source: path, message: 'the shared secret file is empty' })
      else values[holds] = new Secret(secret)
    } catch (error) {
      issues.push({ source: path, message: `the shared secret file cannot be read: ${messageOf(error)}` })
    }
  }
}
