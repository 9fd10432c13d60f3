import type { Build } from '../../client/api-types.ts'

/** The last line that the failed step printed, which mostly says why; null where it printed nothing. */
export function headlineOf({ status, steps }: Pick<Build, 'status' | 'steps'>): string | null {
  if (status !== 'failed') return null
  const output = steps.find((step) => step.status === 'failed')?.output ?? ''
  return output.trimEnd().split('\n').at(-1)?.trim() || null
}
