/** Worker processes as users have them: from the compiled program, which starts without stripping types. */
import { packagePath } from '../../src/base/index.ts'
import { startWorker, type Worker } from '../../src/stress/workers.ts'

const FILE = packagePath('dist/stress/worker.js')

export function startCompiled(role: string, options: object): Worker {
  return startWorker(role, options, FILE)
}
