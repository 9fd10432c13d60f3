import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import type { Command } from 'commander'
import { createLog, QUOTED, type Log } from '../base/index.ts'
import { startServer } from '../server/index.ts'
import { addConfigFlags, readConfig } from './config-flags.ts'

/** SIGHUP: the terminal has been closed. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
/** Log rotation sends them to servers. Left alone, the first opens Node's debugger and the second ends the server. */
const IGNORED_SIGNALS = ['SIGUSR1', 'SIGUSR2'] as const
/** A shorter passphrase is guessed sooner or later, slowed down or not. */
const MIN_SECRET_CHARACTERS = 8
/** An exit code above this is a death by that signal. */
const SIGNAL_EXIT_BASE = 128

/** Files that Docker and Podman make in each container. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv']

export function registerServe(program: Command): void {
  const serve = program.command('serve').description('run the file share')
  addConfigFlags(serve).action(async () => {
    const config = readConfig(serve)
    // What the server writes is for its own user only, in a data folder that others may read too.
    process.umask(0o077)
    const log = await createLog(config.logLevel, config.logFormat)
    if (config.sharedSecret) warnOfSecret(config.sharedSecret.reveal(), log)
    const server = await startServer(config, log)
    if (isLoopback(config.host) && CONTAINER_MARKS.some((path) => existsSync(path))) {
      log.warn(`${config.host} is inside this container alone: set HOLDFAST_HOST=0.0.0.0 to be reached from outside`)
    }
    for (const signal of IGNORED_SIGNALS) process.on(signal, () => log.warn({ signal }, 'this signal has no effect'))
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

function warnOfSecret(secret: string, log: Log): void {
  if (secret.length < MIN_SECRET_CHARACTERS) {
    log.warn(`the shared secret has fewer than ${MIN_SECRET_CHARACTERS} characters: it can be guessed`)
  }
  if (QUOTED.test(secret))
    log.warn('the shared secret is in quotes: they are part of it, and must be typed at the login')
}

function isLoopback(host: string): boolean {
  return /^(127\.|::1$|localhost$)/.test(host)
}
