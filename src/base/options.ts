/**
 * What a setting is: its names, its default, what it accepts. Each room has a table of its own settings (`options.ts`).
 * The parser, `--help`, `holdfast config check` and docs/reference/configuration.md are all made from these tables.
 */
import { exactBytes, parseBytes } from './bytes.ts'
import { formatDuration, parseDuration } from './durations.ts'
import { LOG_FORMATS, LOG_LEVELS } from './log.ts'
import { Secret } from './secret.ts'

export interface Option<T> {
  /** Names in the environment, the strongest first. */
  env: readonly string[]
  /** The long command line flag without `--`, or null when a flag would show a secret to other users of the machine. */
  flag: string | null
  /** What it does, for `--help` and the reference. */
  summary: string
  /** What may be given, in words. */
  allowed: string
  /** All that may be given, where that is a few words. */
  choices?: readonly string[]
  default: T
  /** Of a path: the option whose secret stands in the file. It wins over that option's own value. */
  holds?: string
  /** Whether quotes around the value may be part of it. Default: they are a mistake. */
  mayBeQuoted?: boolean
  /** @returns the value, or null when the text is not allowed. */
  parse(text: string): T | null
  /** The value in a form that {@link parse} takes; secrets masked. */
  format(value: T): string
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>

type Named<T> = Pick<Option<T>, 'env' | 'flag' | 'summary' | 'default' | 'holds'>

export function textOption(given: Named<string> & { allowed: string; pattern: RegExp }): Option<string> {
  const { pattern, ...named } = given
  return { ...named, parse: (value) => (pattern.test(value) ? value : null), format: (value) => value }
}

/** No flag: it would show the secret to other users of the machine. Default: none. */
export function secretOption(
  given: Pick<Named<null>, 'env' | 'summary'> & { allowed: string; pattern: RegExp; mayBeQuoted?: boolean },
): Option<Secret | null> {
  const { pattern, ...named } = given
  return {
    ...named,
    flag: null,
    default: null,
    parse: (value) => (pattern.test(value) ? new Secret(value) : null),
    format: (value) => (value ? '***' : ''),
  }
}

export function integerOption(given: Named<number> & { min: number; max: number }): Option<number> {
  const { min, max, ...named } = given
  const parse = (value: string) => (/^\d{1,15}$/.test(value) ? within(Number(value), min, max) : null)
  return { ...named, allowed: `a whole number from ${min} to ${max}`, parse, format: String }
}

export function durationOption(given: Named<number> & { min: number; max: number }): Option<number> {
  const { min, max, ...named } = given
  const allowed = `a duration from ${formatDuration(min)} to ${formatDuration(max)}, such as 30s or 5m`
  return { ...named, allowed, parse: (value) => within(parseDuration(value), min, max), format: formatDuration }
}

export function bytesOption(given: Named<number>): Option<number> {
  return { ...given, allowed: 'a size such as 500M, 1.5GB or 64MiB', parse: parseBytes, format: exactBytes }
}

function choiceOption<const T extends string>(given: Named<NoInfer<T>> & { choices: readonly T[] }): Option<T> {
  const { choices, ...named } = given
  const parse = (value: string) => choices.find((candidate) => candidate === value) ?? null
  return { ...named, choices, allowed: `one of ${choices.join(', ')}`, parse, format: String }
}

const TRUE = ['true', '1', 'yes', 'on']
const FALSE = ['false', '0', 'no', 'off']

/** `presence` names are true whenever they are set to anything at all, as PicoShare reads them. */
export function booleanOption(given: Named<boolean> & { presence?: readonly string[] }): PresenceOption {
  const { presence = [], ...named } = given
  const parse = (value: string) => {
    const word = value.toLowerCase()
    return TRUE.includes(word) ? true : FALSE.includes(word) ? false : null
  }
  return { ...named, presence, choices: ['true', 'false'], allowed: 'true or false', parse, format: String }
}

export interface PresenceOption extends Option<boolean> {
  readonly presence: readonly string[]
}

function within(value: number | null, min: number, max: number): number | null {
  return value !== null && value >= min && value <= max ? value : null
}

export const LOG_OPTIONS = {
  logLevel: choiceOption({
    env: ['HOLDFAST_LOG_LEVEL'],
    flag: 'log-level',
    summary: 'Least important lines that are logged.',
    default: 'info',
    choices: LOG_LEVELS,
  }),
  logFormat: choiceOption({
    env: ['HOLDFAST_LOG_FORMAT'],
    flag: 'log-format',
    summary: 'Form of the log; auto is pretty on a terminal and json elsewhere.',
    default: 'auto',
    choices: LOG_FORMATS,
  }),
} as const
