/**
 * How long the rest of a run may take. Steps differ by a factor of fifty in size, and a small one is mostly boot and
 * waiting: so what grows with the file and what does not are kept apart.
 */
import type { Iteration } from '../results/result.ts'
import { mean } from '../statistics/quantiles.ts'

interface StepSize {
  target: string
  ramMb: number
  bytes: number
}

/** Where the time of a step that is done went. */
export interface StepTime extends StepSize {
  succeeded: boolean
  /** Hashing the file: once for each size, whatever comes after. */
  hashSeconds: number
  /** Upload and verification, which grow with the file. */
  transferSeconds: number
  /** Boot, readiness, warm-up, waiting for quiet, clean-up, and whole attempts that were tried again. */
  fixedSeconds: number
}

/** Nothing is said of a file that is more than this many times as big as the biggest one seen. */
const FURTHEST_EXTRAPOLATION = 10
const HASH_PHASE = 'prepare file'
const TRANSFER_PHASES = ['upload', 'verify']

type Spent = Pick<Iteration, 'exit_reason' | 'phases' | 'failed_attempts'>

export function stepTime(size: StepSize, { exit_reason: reason, phases, failed_attempts: failed }: Spent): StepTime {
  const spent = (isMeant: (name: string) => boolean) =>
    phases.reduce((sum, { name, duration_seconds: seconds }) => sum + (isMeant(name) ? seconds : 0), 0)
  const isTransfer = (name: string) => TRANSFER_PHASES.includes(name)
  return {
    ...size,
    succeeded: reason === 'success',
    hashSeconds: spent((name) => name === HASH_PHASE),
    transferSeconds: spent(isTransfer),
    fixedSeconds:
      spent((name) => name !== HASH_PHASE && !isTransfer(name)) +
      failed.reduce((sum, { duration_seconds: seconds }) => sum + seconds, 0),
  }
}

/** Null while a step is to come of which nothing is known: a target that has not had its turn, a far bigger file. */
export function secondsLeft(
  done: readonly StepTime[],
  remaining: readonly StepSize[],
  parallel: number,
): number | null {
  let total = hashSecondsLeft(done, remaining)
  for (const step of remaining) {
    const expected = expectedSeconds(done, step)
    if (expected === null) return null
    total += expected
  }
  return total / Math.max(1, Math.min(parallel, remaining.length))
}

function expectedSeconds(done: readonly StepTime[], step: StepSize): number | null {
  const ofTarget = done.filter(({ target }) => target === step.target)
  const ofMachine = ofTarget.filter(({ ramMb }) => ramMb === step.ramMb)
  const ofCell = ofMachine.filter(({ bytes }) => bytes === step.bytes)
  // A cell is its own best witness, failures and all: they come again.
  if (ofCell.length > 0) return mean(ofCell.map((one) => one.fixedSeconds + one.transferSeconds))
  // A server that did not get on with so little memory will not with another file; one with more may.
  const goodOnMachine = ofMachine.filter(({ succeeded }) => succeeded)
  const goodElsewhere = ofTarget.filter(({ succeeded }) => succeeded)
  const witnesses = [goodOnMachine.length > 0 ? goodOnMachine : ofMachine, goodElsewhere].find((known) =>
    known.some(({ bytes }) => bytes * FURTHEST_EXTRAPOLATION >= step.bytes),
  )
  if (!witnesses) return null
  const secondsPerByte = sumOf(witnesses, 'transferSeconds') / sumOf(witnesses, 'bytes')
  return mean(witnesses.map(({ fixedSeconds }) => fixedSeconds)) + secondsPerByte * step.bytes
}

function hashSecondsLeft(done: readonly StepTime[], remaining: readonly StepSize[]): number {
  const firsts = [...new Map(done.toReversed().map((step) => [step.bytes, step])).values()]
  const seen = new Set(firsts.map(({ bytes }) => bytes))
  const unseenBytes = [...new Set(remaining.map(({ bytes }) => bytes))].filter((bytes) => !seen.has(bytes))
  if (firsts.length === 0) return 0
  const secondsPerByte = sumOf(firsts, 'hashSeconds') / sumOf(firsts, 'bytes')
  return unseenBytes.reduce((sum, bytes) => sum + secondsPerByte * bytes, 0)
}

function sumOf(steps: readonly StepTime[], key: 'bytes' | 'hashSeconds' | 'transferSeconds'): number {
  return steps.reduce((sum, step) => sum + step[key], 0)
}

/** For a person, no more precise than it is: `45s`, `3m20s`, `25m`, `2h10m`. */
export function roundedSeconds(seconds: number): number {
  const [, grain = 300] =
    [[120, 5] as const, [600, 20] as const, [3600, 60] as const].find(([limit]) => seconds < limit) ?? []
  return Math.max(grain, Math.round(seconds / grain) * grain)
}
