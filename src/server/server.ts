/** Starts and ends the server: data folder, database, blobs, HTTP, in that order and back. */
import { existsSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createMetrics, systemClock, systemErrorCode, type Log } from '../base/index.ts'
import { Share, shareMigrations } from '../share/index.ts'
import { openBlobs, openDataFolder, openSqlite, type BlobStore } from '../storage/index.ts'
import { createApp } from './app.ts'
import { authMigrations } from './auth/tables.ts'
import { Draining, waitFor } from './draining.ts'
import { OpenStates } from './open-states.ts'
import { StateMetrics } from './state-metrics.ts'
import { keptSharedSecret } from './shared-secret.ts'
import { ServerError } from './errors.ts'
import type { ServerConfig } from './options.ts'

/** How long cut-off transfers get to remove their partial files. */
const CLEAN_UP_MS = 2000

export interface Server {
  /** Where it listens, e.g. `http://127.0.0.1:4001`. */
  url: string
  /** The passphrase that was made at this, the first start, and its file; null when there was one already. */
  madeSecret: { passphrase: string; path: string } | null
  /**
   * Takes no new work, lets running transfers finish within the grace period of the configuration, checkpoints and
   * closes everything. @returns how many transfers were cut.
   */
  stop(): Promise<number>
}

/**
 * @throws DATA_FOLDER_BUSY, DATA_FOLDER_UNUSABLE, ADDRESS_UNAVAILABLE; whatever had been opened is closed again.
 */
export async function startServer(config: ServerConfig, log: Log): Promise<Server> {
  await using opened = new AsyncDisposableStack()
  refuseFolderOfPicoShare(config.dataFolder)
  const folder = openDataFolder(config.dataFolder)
  opened.defer(() => folder.release())
  const kept = config.sharedSecret ? null : keptSharedSecret(folder.path)
  const sharedSecret = config.sharedSecret ?? kept?.secret
  if (!sharedSecret) throw new ServerError('INTERNAL', 'there is no shared secret')
  let isStarted = false
  opened.defer(() => {
    // The passphrase of a failed start was never shown, so the next start makes another.
    if (!isStarted && kept?.madeAt) rmSync(kept.madeAt)
  })
  const isNewDatabase = !existsSync(folder.databasePath)
  const database = await openSqlite(folder.databasePath, {
    ballastPath: join(folder.path, 'reserve'),
    migrations: { ...authMigrations, ...shareMigrations },
    onMended: (problem) => log.error({ problem }, 'the indexes of the database were damaged and have been made anew'),
  })
  opened.defer(() => database.close())
  const blobs = await openBlobs(folder.path, { durable: config.fsync, log })
  opened.defer(() => blobs.close())
  if (isNewDatabase) await warnOfLostDatabase(blobs, log)
  const metrics = createMetrics()
  const states = opened.use(new OpenStates(folder.path, metrics, log))
  const stateMetrics = opened.use(new StateMetrics(states, metrics, log))
  const clock = systemClock
  const maxFileBytes = config.maxFileSize || null
  const share = new Share({
    database,
    blobs,
    clock,
    log,
    metrics,
    maxFileBytes,
    minFreeBytes: config.minFreeSpace,
    uploadLifetimeMs: config.uploadExpiry,
    keepDeletedMs: config.keepDeleted,
  })
  const draining = new Draining()
  // Runs after HTTP ends and before the blobs do: uploads that were cut remove their partial files.
  opened.defer(() => waitFor(() => share.activeTransfers === 0, CLEAN_UP_MS))
  const stores = { database, blobs, states, dataFolder: folder.path }
  const app = await createApp({ config, clock, log, metrics, stateMetrics, ...stores, share, sharedSecret, draining })
  opened.defer(() => app.close())
  await listen(app.listen.bind(app), config)
  const { address, family, port } = app.server.address() as AddressInfo
  blobs.warmUp()
  share.sweeper.start(config.sweepInterval)
  opened.defer(() => share.sweeper.stop())
  isStarted = true
  const ending = opened.move()
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    madeSecret: kept?.madeAt ? { passphrase: kept.secret.reveal(), path: kept.madeAt } : null,
    async stop() {
      const cut = await draining.drain(() => share.activeTransfers, config.shutdownGrace)
      await ending.disposeAsync()
      return cut
    },
  }
}

/** Its files would seem to be gone. Nothing has been made yet. @throws INVALID_CONFIG */
function refuseFolderOfPicoShare(folder: string): void {
  if (!existsSync(join(folder, 'store.db')) || existsSync(join(folder, 'holdfast.db'))) return
  throw new ServerError('INVALID_CONFIG', `the data folder ${folder} holds a database of PicoShare (store.db)`, {
    hint: 'This version cannot import it. Give Holdfast a folder of its own with --data; PicoShare keeps its files.',
  })
}

/** Stored bytes without any database: most likely it was lost, and must be put back before the bytes are given up. */
async function warnOfLostDatabase(blobs: BlobStore, log: Log): Promise<void> {
  for await (const _ of blobs.list()) {
    log.error('there are stored files but no database: holdfast.db is missing. Stop the server and put it back')
    return
  }
}

async function listen(
  open: (options: { host: string; port: number }) => Promise<string>,
  config: ServerConfig,
): Promise<void> {
  const { host, port } = config
  try {
    await open({ host, port })
  } catch (error) {
    const code = systemErrorCode(error)
    const reasons: Record<string, string> = {
      EADDRINUSE: 'another program listens there',
      EACCES: 'this user may not listen there (ports below 1024 need a privilege)',
      EADDRNOTAVAIL: 'this machine has no such address',
      ENOTFOUND: 'there is no such host',
    }
    const reason = reasons[code ?? '']
    if (!reason) throw error
    throw new ServerError('ADDRESS_UNAVAILABLE', `cannot listen on ${host}:${port}: ${reason}`, {
      hint: 'Give another address with --host and --port.',
      cause: error,
    })
  }
}
