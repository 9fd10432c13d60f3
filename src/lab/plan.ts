/**
 * What a run will do, fixed before it starts: cells, order, seed. Written once; a resumed run follows it to the letter.
 *
 * The order is what makes the figures comparable. A round takes every cell (RAM x size) once, in random order; within
 * it every target once, next to each other, in random order. A machine that drifts meets all of them alike.
 */
import { z } from 'zod'
import { LabError } from './errors.ts'
import { UPLOAD_WAYS } from './requests/uploads.ts'
import { seededRandom, shuffled } from './statistics/random.ts'

const PLAN_SCHEMA = 'holdfast-lab-plan/1'

const planSchema = z.object({
  schema: z.literal(PLAN_SCHEMA),
  run: z.string(),
  created_at: z.string(),
  seed: z.number().int(),
  machine: z.string(),
  targets: z.array(z.object({ name: z.string(), spec: z.string() })).min(1),
  ram_mb: z.array(z.number().int().min(1)).min(1),
  file_sizes: z.array(z.object({ label: z.string(), bytes: z.number().int().min(1) })).min(1),
  iterations: z.number().int().min(1),
  upload: z.enum(UPLOAD_WAYS),
  warm_up_bytes: z.number().int().min(0),
  ready_timeout_ms: z.number().int().min(1),
  upload_timeout_ms: z.number().int().min(1),
  quiet_wait_ms: z.number().int().min(0),
  retries: z.number().int().min(0),
  backoff_ms: z.number().int().min(0),
  parallel: z.number().int().min(1),
})
export type Plan = z.infer<typeof planSchema>

/** One iteration of one target in one cell. */
export interface Step {
  iteration: number
  ramMb: number
  fileSize: Plan['file_sizes'][number]
  target: string
}

export function makePlan(wanted: Omit<Plan, 'schema' | 'created_at'>): Plan {
  return { schema: PLAN_SCHEMA, created_at: new Date().toISOString(), ...wanted }
}

/** The steps in their order. The steps of a group (one cell, every target) belong next to each other in time. */
export function stepGroups({ seed, iterations, ram_mb, file_sizes, targets }: Plan): Step[][] {
  const random = seededRandom(seed)
  const cells = ram_mb.flatMap((ramMb) => file_sizes.map((fileSize) => ({ ramMb, fileSize })))
  return Array.from({ length: iterations }, (_, round) =>
    shuffled(cells, random).map((cell) =>
      shuffled(targets, random).map(({ name }) => ({
        ramMb: cell.ramMb,
        fileSize: cell.fileSize,
        iteration: round + 1,
        target: name,
      })),
    ),
  ).flat()
}

/** Names a step within its plan. */
export function stepKey({ target, ramMb, fileSize, iteration }: Step): string {
  return `${cellKey({ target, ramMb, fileSize })}-i${iteration}`
}

/** Names the cell of a step; also the name of its result file. */
export function cellKey({ target, ramMb, fileSize }: Omit<Step, 'iteration'>): string {
  return `${target}-${ramMb}MB-${fileSize.label}`
}

/** @throws LAB_RUN_UNUSABLE when the text is not a plan. */
export function parsePlan(text: string, path: string): Plan {
  try {
    return planSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new LabError('LAB_RUN_UNUSABLE', `${path} is not a plan of a lab run`, {
      hint: 'Start a new run; what this one measured is still in its cells folder.',
      cause: error,
    })
  }
}
