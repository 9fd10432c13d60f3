import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export { Counter, Gauge, Histogram }

/**
 * The process's measurements, by Prometheus's conventions (base units, `_total` on counters). Each room registers its
 * own in the registry that it is given; the server serves them all.
 */
export type Metrics = Registry

/** An empty registry with the process's own memory and CPU in it. */
export function createMetrics(): Metrics {
  const metrics = new Registry()
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [metrics],
      collect() {
        this.set(read())
      },
    })
  gauge('process_resident_memory_bytes', 'Resident memory of the process as the OS counts it.', () =>
    process.memoryUsage.rss(),
  )
  gauge(
    'process_start_time_seconds',
    'Start of the process, seconds since 1970.',
    () => Date.now() / 1000 - process.uptime(),
  )
  gauge('nodejs_heap_used_bytes', 'Part of the memory that is the JS heap.', () => process.memoryUsage().heapUsed)
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers: [metrics],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  return metrics
}
