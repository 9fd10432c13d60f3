/** One iteration: attempts until one has an outcome of the server's own, each on a fresh machine. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Iteration } from '../results/result.ts'
import { attempt, type Conditions, type Subject } from './attempt.ts'
import { Phases } from './phases.ts'
import type { CellName, Presenter } from './presenter.ts'

export interface RetryPolicy {
  /** How often a transient failure is tried again; 0 never. */
  retries: number
  /** Wait before the first retry, ms; doubled for each further one, with up to half of it more at random. */
  backoffMs: number
}

/** The outcome of the last attempt, with the failures before it. Never throws for what machine or server do. */
export async function runIteration(
  conditions: Conditions,
  subject: Subject,
  cell: CellName,
  retry: RetryPolicy,
  presenter: Presenter,
  signal: AbortSignal,
): Promise<Iteration> {
  const failed: Iteration['failed_attempts'] = []
  for (;;) {
    const startedAt = performance.now()
    const phases = new Phases(
      (name) => presenter.phaseBegins(cell, name),
      (record) => presenter.phase(cell, record.name, record.duration_seconds, record.error),
    )
    const { isTransient, ...result } = await attempt(conditions, subject, phases, signal)
    if (!isTransient || failed.length >= retry.retries || signal.aborted) {
      return { iteration: cell.iteration, failed_attempts: failed, ...result }
    }
    const waitMs = retry.backoffMs * 2 ** failed.length * (1 + Math.random() / 2)
    failed.push({
      exit_reason: result.exit_reason,
      message: result.message ?? '',
      duration_seconds: (performance.now() - startedAt) / 1000,
      log_tail: result.log_tail,
    })
    presenter.note(`${result.message}; trying again on a fresh machine in ${(waitMs / 1000).toFixed(1)} s`)
    await sleep(waitMs, undefined, { signal }).catch(() => undefined)
  }
}
