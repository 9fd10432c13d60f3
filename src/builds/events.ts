/** Reads what the markers in a derived template write: that a provisioner starts, that it ended well. */
import { z } from 'zod'
import type { StepEvent } from './template/index.ts'

const eventSchema = z.object({
  event: z.enum(['start', 'end']),
  /** Index of the provisioner within its source, from 0. */
  step: z.number().int().min(0),
  /** ISO 8601. */
  at: z.string(),
})

/** @returns null for a line that is not an event, for example a line that a kill cut short. */
export function parseStepEvent(line: string): StepEvent | null {
  try {
    const result = eventSchema.safeParse(JSON.parse(line))
    return result.success ? result.data : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
