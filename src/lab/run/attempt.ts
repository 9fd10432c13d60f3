/**
 * One attempt at one iteration: a fresh machine, a fresh server, one upload that counts, and all of it ended again,
 * whatever happens on the way.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError, messageOf, randomId } from '../../base/index.ts'
import type { Answer } from '../requests/exchange.ts'
import { ShareClient } from '../requests/share-client.ts'
import { hashOf, type SeededFile } from '../requests/seeded-file.ts'
import type { UploadWay } from '../requests/uploads.ts'
import type { Machine, MachineDriver } from '../machines/machine.ts'
import type { Reaper } from '../reaper.ts'
import type { Iteration } from '../results/result.ts'
import type { PreparedTarget } from '../targets/target.ts'
import { Failure } from './failure.ts'
import { hostLoad, waitUntilQuiet } from './host.ts'
import type { Phases } from './phases.ts'
import { ServerUnderTest } from './server-under-test.ts'

/** Shared by every iteration of a run. */
export interface Conditions {
  driver: MachineDriver
  upload: UploadWay
  /** Size of the upload that warms a fresh server up, bytes; 0 leaves it out. */
  warmUpBytes: number
  readyTimeoutMs: number
  uploadTimeoutMs: number
  /** How long to wait for a quiet host before each iteration, ms; 0 does not wait. */
  quietWaitMs: number
  /** Folder of this host for the machines' files; each is removed after its attempt. */
  scratchFolder: string
  reaper: Reaper
}

export interface Subject {
  ramMb: number
  file: SeededFile
  target: PreparedTarget
  secret: string
}

export type Attempt = Omit<Iteration, 'iteration' | 'failed_attempts'> & { isTransient: boolean }

const COLLECT_TIMEOUT_MS = 15_000
const REMOVE_TIMEOUT_MS = 10_000
const RSS_LOOKS_KEPT = 200

/** Never throws for what the machine or the server does: that is in what it returns. */
export async function attempt(
  conditions: Conditions,
  subject: Subject,
  phases: Phases,
  signal: AbortSignal,
): Promise<Attempt> {
  const result = blankAttempt()
  const folder = join(conditions.scratchFolder, `machine-${randomId(8)}`)
  const running: Running = { uploads: [] }
  try {
    await measure({ conditions, subject, phases, signal, folder, running, result })
  } catch (error) {
    const failure = toFailure(error, signal)
    if (error instanceof HoldfastError && typeof error.details.log === 'string') result.log_tail = error.details.log
    Object.assign(result, { exit_reason: failure.reason, message: failure.message, isTransient: failure.isTransient })
  }
  await phases.run('collect', async () => collect(result, running)).catch(() => undefined)
  await phases
    .run('clean up', async () => cleanUp(running, folder, result))
    .catch((error: unknown) => result.leftovers.push(messageOf(error)))
  result.phases = phases.records
  return result
}

interface Measurement {
  conditions: Conditions
  subject: Subject
  phases: Phases
  signal: AbortSignal
  folder: string
  running: Running
  result: Attempt
}

/** What has to be ended or removed again. */
interface Running {
  machine?: Machine
  server?: ServerUnderTest
  /** What a server that is not ours was sent, by name. */
  uploads: { client: ShareClient; filename: string; answer: Answer | null }[]
}

async function measure(measurement: Measurement): Promise<void> {
  const { conditions, subject, phases, signal, folder, running, result } = measurement
  const hash = await phases.run('prepare file', async () => hashOf(subject.file, signal))
  result.quiet = await phases.run('wait for quiet', async () => waitUntilQuiet(conditions.quietWaitMs, signal))
  result.host_before = hostLoad()
  const { start: startsServer, program } = subject.target
  if (startsServer) {
    running.machine = await phases.run('start machine', async () => {
      mkdirSync(folder, { recursive: true })
      const { driver, reaper } = conditions
      return driver.boot({ ramMb: subject.ramMb, folder, program, reaper, signal })
    })
    result.boot_time_seconds = running.machine.bootSeconds
  }
  const startedAt = performance.now()
  const server = await phases.run('start server', async () =>
    ServerUnderTest.start(subject.target, running.machine ?? null, signal),
  )
  running.server = server
  await phases.run('wait until ready', async () => server.untilReady(conditions.readyTimeoutMs, signal))
  if (startsServer) result.ready_time_seconds = (performance.now() - startedAt) / 1000
  await use(server, signal, async () => {
    const client = await phases.run('log in', async () => ShareClient.logIn(server.url, subject.secret, signal))
    await uploadAndVerify(measurement, client, hash)
  })
}

async function uploadAndVerify(
  { conditions, subject, phases, signal, running, result }: Measurement,
  client: ShareClient,
  hash: string,
) {
  const { upload, warmUpBytes, uploadTimeoutMs } = conditions
  const send = async (file: SeededFile) => {
    const limit = AbortSignal.timeout(uploadTimeoutMs)
    const filename = `lab-${randomId(12)}.bin`
    const record: Running['uploads'][number] = { client, filename, answer: null }
    if (!subject.target.start) running.uploads.push(record)
    try {
      const answer = await client.upload(upload, filename, file, AbortSignal.any([signal, limit]))
      record.answer = answer
      if (answer.status >= 200 && answer.status < 300) return { answer, filename }
      result.http_status = answer.status
      throw new Failure(
        'upload_failed',
        `the server answered HTTP ${answer.status}: ${answer.text.trim().slice(0, 300)}`,
      )
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error
      throw new Failure('timeout', `the upload took longer than ${uploadTimeoutMs / 1000} s`, { cause: error })
    }
  }
  if (warmUpBytes > 0) {
    const file = { seed: `${subject.file.seed} warm up`, sizeBytes: Math.min(warmUpBytes, subject.file.sizeBytes) }
    const warm = await phases.run('warm up', async () => send(file))
    result.warm_up_seconds = warm.answer.durationNs / 1e9
  }
  const measured = await phases.run('upload', async () => send(subject.file))
  const { durationNs, sentNs, status } = measured.answer
  Object.assign(result, {
    http_status: status,
    duration_ns: durationNs,
    duration_seconds: durationNs / 1e9,
    sent_seconds: sentNs / 1e9,
  })
  await phases.run('verify', async () => {
    const stored = await client.stored(measured.filename, measured.answer, signal)
    result.hash_ok = stored.sha256 === hash
    result.hashed_by = stored.hashedBy
    if (!result.hash_ok) {
      throw new Failure('upload_failed', `the server has SHA-256 ${stored.sha256 ?? 'of nothing'}, ${hash} was sent`)
    }
  })
  result.throughput_mbps = subject.file.sizeBytes / 1e6 / (durationNs / 1e9)
  Object.assign(result, { exit_reason: 'success', message: null })
}

/** Whatever breaks in `work` is looked at in the light of what became of the server. */
async function use(server: ServerUnderTest, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Failure || signal.aborted) throw error
    if (error instanceof HoldfastError && error.code === 'TARGET_UNAVAILABLE') {
      throw new Failure('not_ready', error.message, { cause: error })
    }
    throw await server.explain(error)
  }
}

function toFailure(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted) return new Failure('interrupted', 'the run was interrupted', { cause: error })
  if (error instanceof Failure) return error
  const isTransient = error instanceof HoldfastError && error.retryable
  // A machine that is too small to boot says as much about the cell as a server that is too big for it.
  const isTooSmall = error instanceof HoldfastError && error.details.outOfMemory === true
  return new Failure(isTooSmall ? 'out_of_memory' : 'machine_failed', messageOf(error), { isTransient, cause: error })
}

async function collect(result: Attempt, { machine, server }: Running): Promise<void> {
  result.host_after = hostLoad()
  if (!server) return
  const { usage, machine: seen } = server
  result.machine = seen && { kernel: seen.kernel, memory_bytes: seen.memoryBytes }
  const last = usage.at(-1)
  const every = Math.ceil(usage.length / RSS_LOOKS_KEPT)
  result.server = {
    rss_peak_bytes: last?.peakBytes ?? null,
    rss_mean_bytes: last ? Math.round(usage.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / usage.length) : null,
    cpu_seconds: last?.cpuSeconds ?? null,
    exit_status: server.exitStatus,
    rss: usage
      .filter((_, index) => index % every === 0)
      .map((look) => ({ at_seconds: look.atSeconds, bytes: look.rssBytes })),
  }
  if (result.exit_reason === 'success') return
  result.log_tail += machine?.consoleTail() ?? ''
  if (!machine?.death()) result.log_tail += await server.logTail(AbortSignal.timeout(COLLECT_TIMEOUT_MS))
}

async function cleanUp({ machine, server, uploads }: Running, folder: string, result: Attempt): Promise<void> {
  try {
    for (const { client, filename, answer } of uploads) {
      await client
        .remove(filename, answer, AbortSignal.timeout(REMOVE_TIMEOUT_MS))
        .catch((error: unknown) => result.leftovers.push(`${filename} on the server: ${messageOf(error)}`))
    }
    // A server that cannot be told to stop any more ends with its machine, which says what it leaves behind.
    await server?.stop().catch(() => undefined)
    result.leftovers.push(...((await machine?.stop()) ?? []))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function blankAttempt(): Attempt {
  const load = hostLoad()
  return {
    started_at: new Date().toISOString(),
    exit_reason: 'interrupted',
    message: null,
    isTransient: false,
    duration_seconds: null,
    duration_ns: null,
    sent_seconds: null,
    throughput_mbps: null,
    http_status: null,
    warm_up_seconds: null,
    hash_ok: null,
    hashed_by: null,
    boot_time_seconds: null,
    ready_time_seconds: null,
    machine: null,
    server: { rss_peak_bytes: null, rss_mean_bytes: null, cpu_seconds: null, exit_status: null, rss: [] },
    host_before: load,
    host_after: load,
    quiet: false,
    phases: [],
    leftovers: [],
    log_tail: '',
  }
}
