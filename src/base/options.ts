/**
 * Every setting of Holdfast: its names, its default, what it accepts. The parser, `--help`, `holdfast config check` and
 * docs/reference/configuration.md are all made from this table.
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
  /** @returns the value, or null when the text is not allowed. */
  parse(text: string): T | null
  /** The value in a form that {@link parse} takes; secrets masked. */
  format(value: T): string
}

export const OPTIONS = {
  host: text({
    env: ['HOLDFAST_HOST'],
    flag: 'host',
    summary: 'Address to listen on; 0.0.0.0 or :: for all, which a container needs.',
    allowed: 'an IP address or a host name',
    default: '127.0.0.1',
    pattern: /^[\w.:-]+$/,
  }),
  port: integer({
    env: ['HOLDFAST_PORT', 'PORT'],
    flag: 'port',
    summary: 'TCP port to listen on; 0 takes a free one.',
    default: 4001,
    min: 0,
    max: 65_535,
  }),
  dataFolder: text({
    env: ['HOLDFAST_DATA'],
    flag: 'data',
    summary: 'Folder of the database and the files; made when missing.',
    allowed: 'a path',
    default: './data',
    pattern: /^[^\0]+$/,
  }),
  sharedSecret: {
    env: ['HOLDFAST_SHARED_SECRET', 'PS_SHARED_SECRET'],
    flag: null,
    summary: 'Passphrase of the owner. Without one, the first start makes one and keeps it in the data folder.',
    allowed: 'a non-empty text',
    default: null,
    parse: (given) => (given.trimEnd() === '' ? null : new Secret(given)),
    format: (value) => (value ? '***' : ''),
  } satisfies Option<Secret | null> as Option<Secret | null>,
  sharedSecretFile: text({
    env: ['HOLDFAST_SHARED_SECRET_FILE', 'PS_SHARED_SECRET_FILE'],
    flag: 'shared-secret-file',
    summary: 'File with the passphrase of the owner; wins over the passphrase itself.',
    allowed: 'a path of a readable, non-empty file',
    default: '',
    pattern: /^[^\0]+$/,
  }),
  behindProxy: boolean({
    env: ['HOLDFAST_BEHIND_PROXY'],
    presence: ['PS_BEHIND_PROXY'],
    flag: 'behind-proxy',
    summary: 'Trust X-Forwarded-For, -Proto, -Host and -Prefix: set it behind a reverse proxy, and only there.',
    default: false,
  }),
  publicUrl: {
    env: ['HOLDFAST_PUBLIC_URL'],
    flag: 'public-url',
    summary: 'Address under which people reach the server, with a path if it has one; wins over what a proxy says.',
    allowed: 'a URL such as https://files.example.org or https://example.org/share',
    default: null,
    parse: (given) => {
      const url = URL.canParse(given) ? new URL(given) : null
      const isPlain = url !== null && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username
      return isPlain ? url : null
    },
    format: (value) => value?.href ?? '',
  } satisfies Option<URL | null> as Option<URL | null>,
  hsts: boolean({
    env: ['HOLDFAST_HSTS'],
    flag: 'hsts',
    summary: 'Tell browsers that come by TLS to use nothing else for a year (Strict-Transport-Security).',
    default: false,
  }),
  publishToken: {
    env: ['HOLDFAST_PUBLISH_TOKEN'],
    flag: null,
    summary: 'API token of the share that `holdfast build --publish` uploads to.',
    allowed: "a token as the share's settings page shows it once",
    default: null,
    parse: (given) => (/^[\x21-\x7e]+$/.test(given) ? new Secret(given) : null),
    format: (value) => (value ? '***' : ''),
  } satisfies Option<Secret | null> as Option<Secret | null>,
  shutdownGrace: duration({
    env: ['HOLDFAST_SHUTDOWN_GRACE'],
    flag: 'shutdown-grace',
    summary: 'How long running uploads and downloads may go on after SIGTERM.',
    default: 30_000,
    min: 0,
    max: 86_400_000,
  }),
  idleTimeout: duration({
    env: ['HOLDFAST_IDLE_TIMEOUT'],
    flag: 'idle-timeout',
    summary: 'A connection on which no byte moves for this long is closed; a slow but moving one never is.',
    default: 120_000,
    min: 1000,
    max: 86_400_000,
  }),
  maxFileSize: bytes({
    env: ['HOLDFAST_MAX_FILE_SIZE'],
    flag: 'max-file-size',
    summary: 'Largest file that may be uploaded; 0: no limit but the disk.',
    default: 0,
  }),
  minUploadRate: bytes({
    env: ['HOLDFAST_MIN_UPLOAD_RATE'],
    flag: 'min-upload-rate',
    summary: 'Bytes a second, over a minute, below which an upload is ended; 0: no limit.',
    default: 100,
  }),
  minFreeSpace: bytes({
    env: ['HOLDFAST_MIN_FREE_SPACE'],
    flag: 'min-free-space',
    summary: 'Space that uploads leave free on the disk.',
    default: 64_000_000,
  }),
  uploadExpiry: duration({
    env: ['HOLDFAST_UPLOAD_EXPIRY'],
    flag: 'upload-expiry',
    summary: 'How long an unfinished resumable upload is kept after its last byte.',
    default: 86_400_000,
    min: 1000,
    max: 30 * 86_400_000,
  }),
  keepDeleted: duration({
    env: ['HOLDFAST_KEEP_DELETED'],
    flag: 'keep-deleted',
    summary:
      'How long deleted and expired files can be brought back, counted while the server runs; less when an upload needs the space.',
    default: 86_400_000,
    min: 1000,
    max: 365 * 86_400_000,
  }),
  sweepInterval: duration({
    env: ['HOLDFAST_SWEEP_INTERVAL'],
    flag: 'sweep-interval',
    summary: 'How often files whose time in the trash is over are removed and leftovers are looked for.',
    default: 300_000,
    min: 1000,
    max: 86_400_000,
  }),
  fsync: boolean({
    env: ['HOLDFAST_FSYNC'],
    flag: 'fsync',
    summary: 'Wait for the disk before an upload is acknowledged. Off: a power failure may lose the newest files.',
    default: true,
  }),
  publicMetrics: boolean({
    env: ['HOLDFAST_PUBLIC_METRICS'],
    flag: 'public-metrics',
    summary: 'Serve /api/metrics and /metrics without a login.',
    default: true,
  }),
  logLevel: choice({
    env: ['HOLDFAST_LOG_LEVEL'],
    flag: 'log-level',
    summary: 'Least important lines that are logged.',
    default: 'info',
    choices: LOG_LEVELS,
  }),
  logFormat: choice({
    env: ['HOLDFAST_LOG_FORMAT'],
    flag: 'log-format',
    summary: 'Form of the log; auto is pretty on a terminal and json elsewhere.',
    default: 'auto',
    choices: LOG_FORMATS,
  }),
} as const

type Named<T> = Pick<Option<T>, 'env' | 'flag' | 'summary' | 'default'>

function text(given: Named<string> & { allowed: string; pattern: RegExp }): Option<string> {
  const { pattern, ...named } = given
  return { ...named, parse: (value) => (pattern.test(value) ? value : null), format: (value) => value }
}

function integer(given: Named<number> & { min: number; max: number }): Option<number> {
  const { min, max, ...named } = given
  const parse = (value: string) => (/^\d{1,15}$/.test(value) ? within(Number(value), min, max) : null)
  return { ...named, allowed: `a whole number from ${min} to ${max}`, parse, format: String }
}

function duration(given: Named<number> & { min: number; max: number }): Option<number> {
  const { min, max, ...named } = given
  const allowed = `a duration from ${formatDuration(min)} to ${formatDuration(max)}, such as 30s or 5m`
  return { ...named, allowed, parse: (value) => within(parseDuration(value), min, max), format: formatDuration }
}

function bytes(given: Named<number>): Option<number> {
  return { ...given, allowed: 'a size such as 500M, 1.5GB or 64MiB', parse: parseBytes, format: exactBytes }
}

function choice<const T extends string>(given: Named<NoInfer<T>> & { choices: readonly T[] }): Option<T> {
  const { choices, ...named } = given
  const parse = (value: string) => choices.find((candidate) => candidate === value) ?? null
  return { ...named, choices, allowed: `one of ${choices.join(', ')}`, parse, format: String }
}

const TRUE = ['true', '1', 'yes', 'on']
const FALSE = ['false', '0', 'no', 'off']

/** `presence` names are true whenever they are set to anything at all, as PicoShare reads them. */
function boolean(given: Named<boolean> & { presence?: readonly string[] }): PresenceOption {
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
