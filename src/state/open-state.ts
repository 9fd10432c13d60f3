/** Opens what a StateManager works with: the engine, the state's store, the locks. */
import { HoldfastError } from '../base/index.ts'
import type { LockManagerOptions } from '../lock/index.ts'
import type { Engine } from './engine.ts'
import { openEngine } from './engines.ts'
import { LocksOnDemand } from './locks-on-demand.ts'
import { registerStateMetrics } from './metrics.ts'
import { restoreDamaged } from './restore.ts'
import type { StateManagerOptions } from './state-manager-options.ts'
import type { StateStore } from './state-store.ts'
import { StateError } from './errors.ts'

const DEFAULT_KEEP_SERIALS = 100

export interface OpenedState {
  name: string
  engine: Engine
  /** Whether the engine was opened for this state alone, and closes with it. */
  ownsEngine: boolean
  store: StateStore
  locks: LocksOnDemand
}

/** @throws as `StateManager.open`, with everything closed. */
export async function openState(location: string | Engine, options: StateManagerOptions): Promise<OpenedState> {
  const { name = 'default' } = options
  assertKeepSerials(options.keepSerials)
  const ownsEngine = typeof location === 'string'
  const engine = ownsEngine ? await openEngine(location) : location
  const locks = new LocksOnDemand(engine, lockOptions(options))
  try {
    return { name, engine, ownsEngine, store: await openStore(engine, name, locks, options), locks }
  } catch (error) {
    await locks.close()
    if (ownsEngine) await engine.close()
    throw error
  }
}

async function openStore(
  engine: Engine,
  name: string,
  locks: LocksOnDemand,
  { keepSerials = DEFAULT_KEEP_SERIALS, mustExist = false, autoRestore = false, log, metrics }: StateManagerOptions,
): Promise<StateStore> {
  const counted = metrics ? registerStateMetrics(metrics) : null
  const open = () =>
    engine.openState(name, {
      keepSerials,
      mustExist,
      onRetry: () => counted?.retries.inc({ state: name }),
      onCircuit: (isOpen) => counted?.circuitOpen.set({ state: name }, Number(isOpen)),
    })
  try {
    return await open()
  } catch (error) {
    if (!isDamage(error) || !autoRestore) throw error
    const about = { name, locks: await locks.get(), ...(log && { log }) }
    const restored = await restoreDamaged(engine, about, () => isDamagedAtOpen(open))
    if (restored) log?.error({ err: error, restored }, 'the state was damaged; the newest good backup took its place')
    return open()
  }
}

function assertKeepSerials(keepSerials = DEFAULT_KEEP_SERIALS): void {
  if (keepSerials >= 1) return
  throw new StateError('INVALID_REQUEST', `invalid keepSerials ${keepSerials}: the newest save is always kept`, {
    hint: 'Give 1 or more.',
  })
}

function lockOptions({ log, metrics, within }: StateManagerOptions): LockManagerOptions {
  return { ...(log && { log }), ...(metrics && { metrics }), ...(within && { within }) }
}

async function isDamagedAtOpen(open: () => Promise<StateStore>): Promise<boolean> {
  try {
    const store = await open()
    await store.close()
    return false
  } catch (error) {
    if (isDamage(error)) return true
    throw error
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'STATE_DAMAGED'
}
