import { writeSync } from 'node:fs'

/**
 * Lets a test's program stop as by SIGSTOP, but never within a transaction, which would keep the database from
 * everybody for as long as it is stopped. It says so on a line of standard output first.
 */
export function stopAt(signal: NodeJS.Signals): void {
  process.on(signal, () => {
    writeSync(1, 'stops\n')
    process.kill(process.pid, 'SIGSTOP')
  })
}
