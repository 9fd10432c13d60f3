/** The flags that `run-test` and `run-test-matrix` share, and the plan that is made of them. */
import { randomInt } from 'node:crypto'
import type { Command } from 'commander'
import { HoldfastError, parseBytes, parseDuration, randomId } from '../base/index.ts'
import {
  defaultMachine,
  MACHINES_ALLOWED,
  makePlan,
  parseMachine,
  parseTargets,
  TARGETS_ALLOWED,
  UPLOAD_WAYS,
  type Plan,
  type UploadWay,
} from '../lab/index.ts'
import { CommandError } from './errors.ts'

const MAX_RAM_MB = 2 ** 24
const MAX_ITERATIONS = 10_000
const MAX_RETRIES = 100
const MAX_PARALLEL = 64
/** Timers of Node end at 2^31 ms. */
const MAX_DURATION_MS = 24 * 86_400_000

export interface LabFlags {
  ram: string
  fileSize: string
  machine?: string
  target?: string[]
  upload: string
  iterations: string
  warmUp: string
  readyTimeout: string
  timeout: string
  quietWait: string
  retries: string
  backoff: string
  seed?: string
}

export function addLabFlags(command: Command): Command {
  return command
    .option('--machine <kind>', `${MACHINES_ALLOWED} (default: cgroup2 where it can be had, else process)`)
    .option('--target <target>', `${TARGETS_ALLOWED} (default: holdfast)`, collect)
    .option('--upload <way>', UPLOAD_WAYS.join(', '), 'multipart')
    .option('--warm-up <size>', 'upload of this size to each fresh server before the measured one; 0: none', '16M')
    .option('--ready-timeout <duration>', 'how long a server may take to answer', '60s')
    .option('--timeout <duration>', 'how long an upload may take', '15m')
    .option('--quiet-wait <duration>', 'how long to wait for a quiet host before each iteration', '30s')
    .option('--retries <count>', 'new tries after a failure of boot, connection or readiness', '2')
    .option('--backoff <duration>', 'wait before the first new try; doubled for each further one', '1s')
    .option('--seed <number>', 'of the order of the cells and of the bytes that are sent (default: a random one)')
}

/** @throws INVALID_REQUEST with the flag, what was given and what is allowed; MACHINE_UNAVAILABLE */
export async function planOf(flags: LabFlags, parallel = '1'): Promise<Plan> {
  const driver = flags.machine === undefined ? await defaultMachine() : parseMachine(flags.machine)
  const targets = parseTargets(flags.target ?? ['holdfast'])
  if (!UPLOAD_WAYS.includes(flags.upload as UploadWay)) {
    throw invalid('upload', flags.upload, `one of ${UPLOAD_WAYS.join(', ')}`)
  }
  return makePlan({
    run: `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-${randomId(4)}`,
    seed: flags.seed === undefined ? randomInt(2 ** 32) : whole('seed', flags.seed, 0, 2 ** 32 - 1),
    machine: driver.kind,
    targets: targets.map(({ name, spec }) => ({ name, spec })),
    ram_mb: unique(
      'ram',
      flags.ram.split(',').map((text) => whole('ram', text, 1, MAX_RAM_MB)),
    ),
    file_sizes: fileSizes(flags.fileSize),
    iterations: whole('iterations', flags.iterations, 1, MAX_ITERATIONS),
    upload: flags.upload as UploadWay,
    warm_up_bytes: size('warm-up', flags.warmUp),
    ready_timeout_ms: duration('ready-timeout', flags.readyTimeout, 1),
    upload_timeout_ms: duration('timeout', flags.timeout, 1),
    quiet_wait_ms: duration('quiet-wait', flags.quietWait),
    retries: whole('retries', flags.retries, 0, MAX_RETRIES),
    backoff_ms: duration('backoff', flags.backoff),
    parallel: whole('parallel', parallel, 1, MAX_PARALLEL),
  })
}

function fileSizes(text: string): Plan['file_sizes'] {
  // Labels are parts of file names: no blanks.
  const sizes = text
    .split(',')
    .map((label) => ({ label: label.replaceAll(/\s/g, ''), bytes: size('file-size', label) }))
  if (sizes.some(({ bytes }) => bytes === 0)) throw invalid('file-size', text, 'sizes above 0')
  if (new Set(sizes.map(({ bytes }) => bytes)).size < sizes.length) {
    throw invalid('file-size', text, 'a list without repetitions')
  }
  return sizes
}

function unique<T>(flag: string, values: T[]): T[] {
  if (new Set(values).size < values.length) throw invalid(flag, values.join(','), 'a list without repetitions')
  return values
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function whole(flag: string, text: string, min: number, max: number): number {
  const value = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw invalid(flag, text, `a whole number from ${min} to ${max}`)
  return value
}

function size(flag: string, text: string): number {
  const bytes = parseBytes(text)
  if (bytes === null) throw invalid(flag, text, 'a size such as 100M, 64MiB or 1G')
  return bytes
}

function duration(flag: string, text: string, minMs = 0): number {
  const ms = parseDuration(text)
  if (ms === null) throw invalid(flag, text, 'a duration such as 500ms, 30s or 10m')
  if (ms < minMs || ms > MAX_DURATION_MS) throw invalid(flag, text, `between ${minMs} ms and 24 days`)
  return ms
}

function invalid(flag: string, given: string, allowed: string): HoldfastError {
  return new CommandError('INVALID_REQUEST', `--${flag}: ${JSON.stringify(given)} is not ${allowed}`)
}
