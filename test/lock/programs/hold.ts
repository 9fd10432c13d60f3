/**
 * Takes the lock NAME of the data folder, says its token on a line of standard output, and holds it until it is
 * ended. Stops at SIGUSR2.
 */
import { stopAt } from '../../helpers/stopping.ts'
import { LockManager } from '../../../src/lock/index.ts'

const [folder = '', name = '', ttlMs = '30000'] = process.argv.slice(2)
const locks = await LockManager.open(folder)
const lock = await locks.acquire(name, { operation: 'hold', ttlMs: Number(ttlMs), waitMs: Infinity })
lock.signal.addEventListener('abort', () => console.log('lost'))
stopAt('SIGUSR2')
console.log(`held ${lock.fencingToken}`)
setInterval(() => {}, 1000)
