/**
 * Results of PicoShare's own harness (branch `perf-test` of mtlynch/picoshare, perf-test/run-test), read as ours.
 * They tell less: no hash, no memory, no order in time within a run; and their megabyte is now 10^6 bytes, now 2^20.
 */
import { z } from 'zod'
import { parseBytes } from '../../base/index.ts'
import { makeCellResult } from './cell.ts'
import type { CellResult, Iteration } from './result.ts'

const HTTP_OK = 200

const harnessSchema = z.object({
  timestamp: z.string(),
  platform: z.string(),
  ram_mb: z.number().int(),
  file_size: z.string(),
  file_size_mb: z.number().positive(),
  boot_time_seconds: z.number().min(0).nullable().default(null),
  iterations: z.array(
    z.object({
      iteration: z.number().int().min(1),
      duration_seconds: z.number().positive(),
      throughput_mbps: z.number().min(0),
      // A status, or `timeout`.
      http_status: z.union([z.string(), z.number()]),
    }),
  ),
})

/** Null for what is no such result. */
export function fromPicoshareHarness(document: unknown): CellResult | null {
  const { data } = harnessSchema.safeParse(document)
  if (!data) return null
  const facts = {
    run: `picoshare-harness ${data.timestamp}`,
    platform: data.platform,
    ram_mb: data.ram_mb,
    ram_limited: true,
    file_size: data.file_size,
    file_size_bytes: parseBytes(data.file_size) ?? data.file_size_mb * 1e6,
    target: { name: 'picoshare', kind: 'picoshare', version: '', digest: null },
    upload: 'multipart' as const,
    parallel: 1,
    planned_iterations: data.iterations.length,
    environment: {
      lab_version: '',
      node_version: '',
      kernel: 'unknown',
      cpu: 'unknown',
      cpus: 0,
      host_memory_bytes: 0,
      disk: 'unknown',
    },
  }
  const { boot_time_seconds: boot, timestamp, iterations } = data
  return makeCellResult(
    facts,
    iterations.map((one) => iterationFrom(one, timestamp, boot)),
  )
}

type HarnessIteration = z.infer<typeof harnessSchema>['iterations'][number]

function iterationFrom(one: HarnessIteration, timestamp: string, boot: number | null): Iteration {
  const status = Number(one.http_status)
  const isGood = status === HTTP_OK
  const reason = isGood ? 'success' : one.http_status === 'timeout' ? 'timeout' : 'upload_failed'
  const unknownLoad = { load_1m: 0, cpu_pressure_percent: null, io_pressure_percent: null }
  return {
    iteration: one.iteration,
    started_at: timestamp,
    exit_reason: reason,
    message: isGood ? null : `HTTP ${one.http_status}`,
    duration_seconds: isGood ? one.duration_seconds : null,
    duration_ns: isGood ? Math.round(one.duration_seconds * 1e9) : null,
    sent_seconds: null,
    throughput_mbps: isGood ? one.throughput_mbps : null,
    http_status: Number.isInteger(status) ? status : null,
    warm_up_seconds: null,
    hash_ok: null,
    hashed_by: null,
    boot_time_seconds: boot,
    ready_time_seconds: null,
    machine: null,
    server: { rss_peak_bytes: null, rss_mean_bytes: null, cpu_seconds: null, exit_status: null, rss: [] },
    host_before: unknownLoad,
    host_after: unknownLoad,
    quiet: true,
    phases: [],
    failed_attempts: [],
    leftovers: [],
    log_tail: '',
  }
}
