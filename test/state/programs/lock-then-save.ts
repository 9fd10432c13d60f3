/**
 * Locks the state, says so, and tries to save under that lock at once when it gets SIGUSR2; says how that ended.
 * Stops at SIGHUP.
 */
import { stopAt } from '../../helpers/stopping.ts'
import { StateManager } from '../../../src/state/index.ts'
import { counted } from '../counting.ts'

const [folder = '', ttlMs = '300'] = process.argv.slice(2)
const manager = await StateManager.open(folder, { backups: false })
const lock = await manager.lock({ operation: 'test', ttlMs: Number(ttlMs) })
process.on('SIGUSR2', () => void saveLate())

async function saveLate(): Promise<void> {
  const outcome = await manager
    .update((draft) => draft.put(counted('late', 1)), { lock })
    .then(
      () => 'saved',
      (error: unknown) => (error as { code: string }).code,
    )
  console.log(outcome)
}
stopAt('SIGHUP')
console.log('locked')
setInterval(() => {}, 1000)
