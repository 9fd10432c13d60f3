import { pino, type Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = (typeof LOG_FORMATS)[number]
export type Log = Logger

/**
 * A structured log on standard error. `auto` is readable lines on a terminal and JSON elsewhere. Values under names
 * that carry secrets never appear, in a logged object's first two levels.
 */
export async function createLog(level: LogLevel, format: LogFormat = 'auto'): Promise<Log> {
  const names = ['sharedSecretKey', 'passphrase', 'downloadPassphrase', 'token', 'secret', 'authorization', 'cookie']
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: names.flatMap((name) => [name, `*.${name}`]), censor: '***' },
  }
  const readable = format === 'pretty' || (format === 'auto' && process.stderr.isTTY)
  if (!readable) return pino(options, pino.destination({ dest: 2, sync: true }))
  const { default: pretty } = await import('pino-pretty')
  // https://no-color.org
  const isPlain = Boolean(process.env['NO_COLOR']) || process.env['TERM'] === 'dumb'
  const colorize = process.stderr.isTTY && !isPlain
  const look = { colorize, singleLine: true, translateTime: 'HH:MM:ss' }
  return pino(options, pretty({ ...look, sync: true, destination: 2 }))
}
