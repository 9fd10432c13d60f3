/**
 * The form of what a cell leaves behind, in one JSON file; docs/reference/lab-result.md describes it for people. The
 * names of PicoShare's harness are kept where it has them. Reading checks it: results come from disks and other
 * versions.
 */
import { z } from 'zod'

const EXIT_REASONS = [
  'success',
  'upload_failed',
  'out_of_memory',
  'not_ready',
  'timeout',
  'machine_failed',
  'interrupted',
] as const
export type ExitReason = (typeof EXIT_REASONS)[number]

const seconds = z.number().min(0)
const bytes = z.number().int().min(0)
const time = z.string()

const phase = z.object({
  name: z.string(),
  started_at: time,
  duration_seconds: seconds,
  /** What went wrong in it, or null. */
  error: z.string().nullable(),
})

const host = z.object({
  load_1m: z.number(),
  /** Share of the last ten seconds in which some task waited for a CPU, percent; null without /proc/pressure. */
  cpu_pressure_percent: z.number().nullable(),
  io_pressure_percent: z.number().nullable(),
})

const server = z.object({
  /** Highest resident memory, as the kernel keeps it (VmHWM). */
  rss_peak_bytes: bytes.nullable(),
  rss_mean_bytes: bytes.nullable(),
  cpu_seconds: seconds.nullable(),
  /** 128 + N for a death by signal N; null when it lived until it was stopped. */
  exit_status: z.number().int().nullable(),
  /** Resident memory over time since the server's start, at most 200 looks. */
  rss: z.array(z.object({ at_seconds: seconds, bytes })),
})

const attempt = z.object({
  exit_reason: z.enum(EXIT_REASONS),
  message: z.string(),
  duration_seconds: seconds,
  log_tail: z.string().default(''),
})

export const iterationSchema = z.object({
  iteration: z.number().int().min(1),
  started_at: time,
  exit_reason: z.enum(EXIT_REASONS),
  /** What happened, for a person; null on success. */
  message: z.string().nullable(),
  /** From the first byte sent to the answer's last; null when there was no whole answer. */
  duration_seconds: seconds.nullable(),
  duration_ns: z.number().int().min(0).nullable(),
  /** Until the last byte had left the client; the rest of the duration the server took to answer. */
  sent_seconds: seconds.nullable(),
  /** Megabytes (10^6 bytes) a second, as in PicoShare's harness; null unless the upload succeeded. */
  throughput_mbps: z.number().min(0).nullable(),
  http_status: z.number().int().nullable(),
  /** The first, smaller upload to the fresh server, not part of the statistics; null when it was left out. */
  warm_up_seconds: seconds.nullable(),
  /** Whether the server has the bytes that were sent, by SHA-256; null when it was not got to. */
  hash_ok: z.boolean().nullable(),
  hashed_by: z.enum(['server', 'download']).nullable(),
  boot_time_seconds: seconds.nullable(),
  ready_time_seconds: seconds.nullable(),
  /** The machine as it sees itself; null when no server was started on it. */
  machine: z.object({ kernel: z.string(), memory_bytes: bytes }).nullable().default(null),
  server,
  host_before: host,
  host_after: host,
  /** Whether the host was quiet when it began (see the quiet gate in the guide). */
  quiet: z.boolean(),
  phases: z.array(phase),
  /** Earlier tries that failed for reasons of the lab rather than of the server. */
  failed_attempts: z.array(attempt),
  /** What could not be cleaned up; empty is what it should be. */
  leftovers: z.array(z.string()),
  /** The end of the server's and the machine's logs; empty on success. */
  log_tail: z.string(),
})
export type Iteration = z.infer<typeof iterationSchema>

const statsSchema = z.object({
  median_duration_seconds: seconds.nullable(),
  median_throughput_mbps: z.number().nullable(),
  avg_throughput_mbps: z.number().nullable(),
  stddev_throughput_mbps: z.number().nullable(),
  min_throughput_mbps: z.number().nullable(),
  max_throughput_mbps: z.number().nullable(),
  /** 95 % interval of the median by bootstrap; null below three samples. */
  median_throughput_interval_mbps: z.tuple([z.number(), z.number()]).nullable(),
  rss_peak_bytes: bytes.nullable(),
  success_count: z.number().int(),
  failure_count: z.number().int(),
})

const environmentSchema = z.object({
  lab_version: z.string(),
  node_version: z.string(),
  kernel: z.string(),
  cpu: z.string(),
  cpus: z.number().int(),
  host_memory_bytes: bytes,
  /** File system that the scratch folder is on. */
  disk: z.string(),
})
export type Environment = z.infer<typeof environmentSchema>

export const RESULT_SCHEMA = 'holdfast-lab-result/1'

export const cellResultSchema = z.object({
  schema: z.literal(RESULT_SCHEMA),
  run: z.string(),
  timestamp: time,
  /** Kind of machine, as given to --machine. */
  platform: z.string(),
  ram_mb: z.number().int(),
  /** False where the machine only records ram_mb, as `process` does. */
  ram_limited: z.boolean(),
  file_size: z.string(),
  file_size_bytes: bytes,
  target: z.object({
    name: z.string(),
    kind: z.string(),
    /** Empty when unknown. */
    version: z.string(),
    /**
     * Begin of a SHA-256 of the program's files, null when they were not seen: tells two builds of one version apart.
     */
    digest: z.string().nullable().default(null),
  }),
  upload: z.enum(['multipart', 'put', 'tus']),
  /** How many cells ran at once; timings of parallel cells disturb each other. */
  parallel: z.number().int(),
  boot_time_seconds: seconds.nullable(),
  /** How many were asked for; null when unknown. Fewer were made of a cell that was interrupted or given up. */
  planned_iterations: z.number().int().nullable().default(null),
  num_iterations: z.number().int(),
  iterations: z.array(iterationSchema),
  stats: statsSchema,
  exit_reason: z.enum(EXIT_REASONS),
  success: z.boolean(),
  environment: environmentSchema,
})
export type CellResult = z.infer<typeof cellResultSchema>
