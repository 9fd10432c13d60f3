import { constants } from 'node:os'
import type { Command } from 'commander'
import { createLog } from '../base/index.ts'
import { startServer } from '../server/index.ts'
import { addConfigFlags, readConfig } from './config-flags.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** An exit code above this is a death by that signal. */
const SIGNAL_EXIT_BASE = 128

export function registerServe(program: Command): void {
  const serve = program.command('serve').description('run the file share')
  addConfigFlags(serve).action(async () => {
    const config = readConfig(serve)
    // What the server writes is for its own user only, in a data folder that others may read too.
    process.umask(0o077)
    const log = await createLog(config.logLevel, config.logFormat)
    const server = await startServer(config, log)
    let isStopping = false
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        // Whoever signals twice does not want to wait. Nothing is corrupted by that, only unfinished uploads are lost.
        if (isStopping) process.exit(SIGNAL_EXIT_BASE + constants.signals[signal])
        isStopping = true
        log.info({ signal, graceMs: config.shutdownGrace }, 'shutting down; a second signal ends it at once')
        server.stop().then(
          (cut) => {
            log.info({ transfersCut: cut }, 'stopped')
            process.exit(0)
          },
          (error: unknown) => {
            log.fatal({ err: error }, 'the shutdown failed')
            process.exit(1)
          },
        )
      })
    }
    // Only now: whoever reads this may send a signal the moment after.
    console.log(`Holdfast is at ${server.url}`)
    if (server.madeSecret) {
      const { passphrase, path } = server.madeSecret
      console.log(`Passphrase: ${passphrase}\n(made for this first start and kept in ${path}; it is not shown again)`)
    }
  })
}
