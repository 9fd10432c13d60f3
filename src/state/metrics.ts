import { Counter, Gauge, Histogram, HoldfastError, systemErrorCode, type Metrics } from '../base/index.ts'

const LATENCY_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1, 5]

/** What the state room measures, in the registry that it is given. */
export interface StateMetrics {
  saveSeconds: Histogram<'state'>
  loadSeconds: Histogram<'state'>
  saves: Counter<'state' | 'outcome'>
  retries: Counter<'state'>
  circuitOpen: Gauge<'state'>
  /** Whom to ask, when the metrics are read, how each open state stands; with its name, which several may share. */
  sources: Map<StateSource, string>
  backups: Counter<'state' | 'outcome'>
}

/** An open state, as far as the metrics look at it. */
export interface StateSource {
  head(): Promise<{ serial: number; buildCount: number }>
  /** Bytes on the disk, history included. */
  sizeBytes(): Promise<number>
}

const registered = new WeakMap<Metrics, StateMetrics>()

/** Adds the state room's metrics to a registry; again with the same registry gives the same ones. */
export function registerStateMetrics(registry: Metrics): StateMetrics {
  const known = registered.get(registry)
  if (known) return known
  const registers = [registry]
  const labelNames = ['state'] as const
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers })
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, labelNames, buckets: LATENCY_BUCKETS, registers })
  const sources = new Map<StateSource, string>()
  const asked = (name: string, help: string, ask: (source: StateSource) => Promise<number>) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        // An unreadable state must not keep the others from being measured: it has no value then.
        const answers = [...sources].map(async ([source, state]) => ({
          state,
          value: await ask(source).catch(() => null),
        }))
        const values = await Promise.all(answers)
        this.reset()
        for (const { state, value } of values) if (value !== null) this.set({ state }, value)
      },
    })
  asked('holdfast_state_size_bytes', 'Bytes that the state takes on the disk, history included.', (source) =>
    source.sizeBytes(),
  )
  asked('holdfast_state_builds', 'Builds in the state.', async (source) => (await source.head()).buildCount)
  asked('holdfast_state_serial', 'Serial of the newest save.', async (source) => (await source.head()).serial)
  const metrics: StateMetrics = {
    saveSeconds: histogram('holdfast_state_save_seconds', 'Time to commit a save, without the wait for the lock.'),
    loadSeconds: histogram('holdfast_state_load_seconds', 'Time to load a whole state.'),
    saves: new Counter({
      name: 'holdfast_state_saves_total',
      help: 'Saves by outcome: ok, or the error code.',
      labelNames: ['state', 'outcome'],
      registers,
    }),
    retries: new Counter({
      name: 'holdfast_state_retries_total',
      help: 'Tries again after a transient failure of the disk or the database.',
      labelNames,
      registers,
    }),
    circuitOpen: gauge('holdfast_state_circuit_open', '1 while the state is left alone after too many failures.'),
    sources,
    backups: new Counter({
      name: 'holdfast_state_backups_total',
      help: 'Automatic backups by outcome: ok, or the error code.',
      labelNames: ['state', 'outcome'],
      registers,
    }),
  }
  registered.set(registry, metrics)
  return metrics
}

/** An error as a label of the metrics. */
export function outcomeOf(error: unknown): string {
  return error instanceof HoldfastError ? error.code : (systemErrorCode(error) ?? 'OTHER')
}
