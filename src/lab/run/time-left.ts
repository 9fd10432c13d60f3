import { mean } from '../statistics/quantiles.ts'

/**
 * How long the remaining steps may take, from those that are done: each like others of its size, a size that has not had
 * its turn in proportion to its bytes. Null while nothing is known.
 */
export function secondsLeft(
  done: readonly { bytes: number; seconds: number }[],
  remainingBytes: readonly number[],
  parallel: number,
): number | null {
  if (done.length === 0) return null
  const secondsPerByte = mean(done.map(({ bytes, seconds }) => seconds / bytes))
  const total = remainingBytes.reduce((sum, bytes) => {
    const alike = done.filter((step) => step.bytes === bytes).map(({ seconds }) => seconds)
    return sum + (alike.length > 0 ? mean(alike) : secondsPerByte * bytes)
  }, 0)
  return total / parallel
}
