/** Starts workers as processes of their own, lets them begin together, and sees to it that all end. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { modulePath } from '../base/index.ts'

const FILE = modulePath('stress/worker')

export interface Worker {
  process: ChildProcess
  /** Resolves when the worker has opened all that it needs. */
  ready: Promise<void>
  /** Lets it begin. */
  go(): void
  /** The next thing that it says. Rejects when it ends first. */
  next<T>(): Promise<T>
  kill(signal: NodeJS.Signals): Promise<void>
}

/**
 * @param role A function of worker-roles.ts.
 * @param file The worker's program. Default: the running Holdfast's own, source or compiled.
 */
export function startWorker(role: string, options: object, file = FILE): Worker {
  const child = fork(file, [role, JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const said: unknown[] = []
  const waiting: PromiseWithResolvers<unknown>[] = []
  const readiness = Promise.withResolvers<void>()
  child.on('message', (message: unknown) => {
    if (message === 'ready') return readiness.resolve()
    const listener = waiting.shift()
    if (listener) listener.resolve(message)
    else said.push(message)
  })
  child.on('exit', (code, signal) => {
    const error = new Error(`a ${role} process ended with ${signal ?? code}`)
    readiness.reject(error)
    for (const listener of waiting.splice(0)) listener.reject(error)
  })
  // A killed worker may never have been ready; only its waiters need to know.
  readiness.promise.catch(() => {})
  return {
    process: child,
    ready: readiness.promise,
    go: () => child.send('go'),
    next<T>() {
      if (said.length > 0) return Promise.resolve(said.shift() as T)
      const listener = Promise.withResolvers<unknown>()
      waiting.push(listener)
      // A failing worker ends them all; only the first failure is reported.
      listener.promise.catch(() => {})
      return listener.promise as Promise<T>
    },
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      if (signal === 'SIGKILL') await once(child, 'exit')
    },
  }
}

/** Runs workers together from one moment on. @returns what each said last. */
export async function runTogether<T>(workers: readonly Worker[]): Promise<T[]> {
  try {
    await Promise.all(workers.map((worker) => worker.ready))
    const results = workers.map((worker) => worker.next<T>())
    for (const worker of workers) worker.go()
    return await Promise.all(results)
  } finally {
    await Promise.all(workers.map((worker) => worker.kill('SIGKILL')))
  }
}
