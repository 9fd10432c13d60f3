/** The settings of the server itself. */
import {
  booleanOption,
  bytesOption,
  durationOption,
  integerOption,
  LOG_OPTIONS,
  secretOption,
  textOption,
  type Config,
  type Option,
} from '../base/index.ts'
import { SHARE_OPTIONS } from '../share/options.ts'
import { STORAGE_OPTIONS } from '../storage/options.ts'

const SERVER_OPTIONS = {
  host: textOption({
    env: ['HOLDFAST_HOST'],
    flag: 'host',
    summary: 'Address to listen on; 0.0.0.0 or :: for all, which a container needs.',
    allowed: 'an IP address or a host name',
    default: '127.0.0.1',
    pattern: /^[\w.:-]+$/,
  }),
  port: integerOption({
    env: ['HOLDFAST_PORT', 'PORT'],
    flag: 'port',
    summary: 'TCP port to listen on; 0 takes a free one.',
    default: 4001,
    min: 0,
    max: 65_535,
  }),
  sharedSecret: secretOption({
    env: ['HOLDFAST_SHARED_SECRET', 'PS_SHARED_SECRET'],
    summary: 'Passphrase of the owner. Without one, the first start makes one and keeps it in the data folder.',
    allowed: 'a non-empty text',
    pattern: /\S/,
    mayBeQuoted: true,
  }),
  sharedSecretFile: textOption({
    holds: 'sharedSecret',
    env: ['HOLDFAST_SHARED_SECRET_FILE', 'PS_SHARED_SECRET_FILE'],
    flag: 'shared-secret-file',
    summary: 'File with the passphrase of the owner; wins over the passphrase itself.',
    allowed: 'a path of a readable, non-empty file',
    default: '',
    pattern: /^[^\0]+$/,
  }),
  behindProxy: booleanOption({
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
  hsts: booleanOption({
    env: ['HOLDFAST_HSTS'],
    flag: 'hsts',
    summary: 'Tell browsers that come by TLS to use nothing else for a year (Strict-Transport-Security).',
    default: false,
  }),
  shutdownGrace: durationOption({
    env: ['HOLDFAST_SHUTDOWN_GRACE'],
    flag: 'shutdown-grace',
    summary: 'How long running uploads and downloads may go on after SIGTERM.',
    default: 30_000,
    min: 0,
    max: 86_400_000,
  }),
  idleTimeout: durationOption({
    env: ['HOLDFAST_IDLE_TIMEOUT'],
    flag: 'idle-timeout',
    summary: 'A connection on which no byte moves for this long is closed; a slow but moving one never is.',
    default: 120_000,
    min: 1000,
    max: 86_400_000,
  }),
  minUploadRate: bytesOption({
    env: ['HOLDFAST_MIN_UPLOAD_RATE'],
    flag: 'min-upload-rate',
    summary: 'Bytes a second, over a minute, below which an upload is ended; 0: no limit.',
    default: 100,
  }),
  publicMetrics: booleanOption({
    env: ['HOLDFAST_PUBLIC_METRICS'],
    flag: 'public-metrics',
    summary: 'Serve /api/metrics and /metrics without a login.',
    default: true,
  }),
} as const

/** The settings of all rooms that the server is made of. */
export const SERVED_OPTIONS = { ...SERVER_OPTIONS, ...STORAGE_OPTIONS, ...SHARE_OPTIONS, ...LOG_OPTIONS } as const

export type ServerConfig = Config<typeof SERVED_OPTIONS>
