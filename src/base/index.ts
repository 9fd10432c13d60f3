export { AttemptThrottle } from './attempt-throttle.ts'
export { byScheme } from './by-scheme.ts'
export { formatBytes, parseBytes } from './bytes.ts'
export { closest } from './closest.ts'
export { closedObject, describeUnknownName } from './closed-object.ts'
export { MAX_TIMER_MS, systemClock, type Clock } from './clock.ts'
export { describeConfig, loadConfig, parseConfig, QUOTED, type Config, type Settings } from './config.ts'
export { formatDuration, formatGoDuration, parseDuration } from './durations.ts'
export {
  BASE_ERRORS,
  BaseError,
  ErrorFamily,
  HoldfastError,
  messageOf,
  systemErrorCode,
  type BaseErrorCode,
  type ErrorOptions,
  type ErrorTable,
} from './errors.ts'
export { beginEvents } from './event-stream.ts'
export { prefersHtml, prefersJson, type Access } from './http.ts'
export { ID_ALPHABET, isId, randomId, randomSecret } from './ids.ts'
export { createLog, type Log } from './log.ts'
export { Counter, createMetrics, Gauge, Histogram, type Metrics } from './metrics.ts'
export {
  booleanOption,
  bytesOption,
  durationOption,
  integerOption,
  LOG_OPTIONS,
  secretOption,
  textOption,
  type Option,
} from './options.ts'
export { modulePath, packagePath, PROGRAM, threadModule } from './package-root.ts'
export {
  IDENTITY_NAME,
  identityName,
  isNear,
  isSelf,
  liveness,
  livenessOfName,
  PLACE,
  SELF,
  type ProcessIdentity,
} from './process-identity.ts'
export { parseProcessStat, readProcessStat } from './process-stat.ts'
export { createRetry, type Retry } from './retry.ts'
export { Secret } from './secret.ts'
export { VERSION } from './version.ts'
export { createGuard, type Guard, type GuardOptions } from './guard.ts'
