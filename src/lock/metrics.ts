import { Counter, Gauge, Histogram, type Metrics } from '../base/index.ts'

/** What the lock room measures, in the registry that it is given. */
export interface LockMetrics {
  waitSeconds: Histogram<'outcome'>
  failures: Counter<'reason'>
  abandoned: Counter
  held: Gauge
}

const registered = new WeakMap<Metrics, LockMetrics>()

/** Adds the lock room's metrics to a registry; again with the same registry gives the same ones. */
export function registerLockMetrics(registry: Metrics): LockMetrics {
  const known = registered.get(registry)
  if (known) return known
  const registers = [registry]
  const metrics: LockMetrics = {
    waitSeconds: new Histogram({
      name: 'holdfast_lock_wait_seconds',
      help: 'Time from asking for a lock to having it, or to giving up.',
      labelNames: ['outcome'],
      buckets: [0.0001, 0.001, 0.01, 0.1, 1, 10, 60, 600],
      registers,
    }),
    failures: new Counter({
      name: 'holdfast_lock_failures_total',
      help: 'Locks that were not acquired or were lost, by error code.',
      labelNames: ['reason'],
      registers,
    }),
    abandoned: new Counter({
      name: 'holdfast_lock_abandoned_total',
      help: 'Locks that were taken over because their holder was dead or out of time.',
      registers,
    }),
    held: new Gauge({ name: 'holdfast_locks_held', help: 'Locks that this process holds.', registers }),
  }
  registered.set(registry, metrics)
  return metrics
}
