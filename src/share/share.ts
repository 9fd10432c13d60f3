/** Puts the share's parts together. */
import type { FastifyInstance } from 'fastify'
import type { Clock, Log, Metrics } from '../base/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import { DownloadLog } from './download-log.ts'
import { Downloads } from './downloads.ts'
import { Files } from './files.ts'
import { FreeSpace } from './free-space.ts'
import { GuestLinks } from './guest-links.ts'
import { downloadRoutes } from './routes/download-routes.ts'
import { fileRoutes } from './routes/file-routes.ts'
import { guestLinkRoutes } from './routes/guest-link-routes.ts'
import { ResumableRows } from './resumable/resumable-rows.ts'
import { ResumableUploads } from './resumable/resumable-uploads.ts'
import { progressRoutes } from './routes/progress-routes.ts'
import { settingsRoutes } from './routes/settings-routes.ts'
import { tusRoutes } from './routes/tus-routes.ts'
import { unlockRoutes } from './routes/unlock-routes.ts'
import { uploadRoutes } from './routes/upload-routes.ts'
import { Settings } from './settings.ts'
import { Sweeper } from './sweeper.ts'
import { Transfers } from './transfers.ts'
import { Unlocking } from './unlocking.ts'
import { UploadTracker } from './upload-tracker.ts'
import { Uploads } from './uploads.ts'

export interface ShareDependencies {
  /** Migrated with `shareMigrations`. */
  database: Database
  blobs: BlobStore
  clock: Clock
  log: Log
  metrics: Metrics
  /** Largest upload, bytes, or null for no limit but the disk. */
  maxFileBytes: number | null
  /** Space that uploads leave free, bytes. */
  minFreeBytes: number
  /** How long an unfinished resumable upload may rest before it is removed, ms. */
  uploadLifetimeMs: number
}

export class Share {
  readonly files: Files
  readonly freeSpace: FreeSpace
  readonly tracker: UploadTracker
  readonly transfers: Transfers
  readonly sweeper: Sweeper
  readonly #deps: ShareDependencies
  readonly #uploads: Uploads
  readonly #resumable: ResumableUploads

  constructor(deps: ShareDependencies) {
    const { database, blobs, clock, log, metrics } = deps
    this.#deps = deps
    this.files = new Files(database, blobs, clock)
    this.freeSpace = new FreeSpace(blobs, deps.minFreeBytes)
    this.tracker = new UploadTracker(clock, metrics)
    this.transfers = new Transfers(metrics)
    this.#uploads = new Uploads({ blobs, files: this.files, freeSpace: this.freeSpace, tracker: this.tracker, log })
    this.#resumable = new ResumableUploads({
      rows: new ResumableRows(database, clock),
      blobs,
      files: this.files,
      freeSpace: this.freeSpace,
      tracker: this.tracker,
      clock,
      log,
      lifetimeMs: deps.uploadLifetimeMs,
    })
    this.sweeper = new Sweeper(this.files, blobs, this.#uploads, this.#resumable, { log, clock })
  }

  /** Uploads and downloads that are running. */
  get activeTransfers(): number {
    return this.tracker.active().length + this.transfers.active
  }

  /** Adds all routes; groups that parse bodies in their own way get a scope of their own. */
  async register(app: FastifyInstance): Promise<void> {
    const { database, blobs, clock, log, maxFileBytes } = this.#deps
    const { files, transfers } = this
    const guestLinks = new GuestLinks(database, clock)
    const settings = new Settings(database)
    const downloadLog = new DownloadLog(database)
    const downloads = new Downloads(database, clock, log)
    const unlocking = new Unlocking(database, clock)
    fileRoutes(app, { files, downloadLog, clock })
    guestLinkRoutes(app, guestLinks, clock)
    settingsRoutes(app, settings)
    progressRoutes(app, this.tracker)
    await app.register(async (scope) =>
      uploadRoutes(scope, { uploads: this.#uploads, files, guestLinks, settings, clock, maxFileBytes }),
    )
    await app.register(async (scope) =>
      tusRoutes(scope, { uploads: this.#resumable, guestLinks, settings, clock, maxFileBytes }),
    )
    await app.register(async (scope) => downloadRoutes(scope, { files, blobs, downloads, unlocking, transfers }))
    await app.register(async (scope) => unlockRoutes(scope, files, unlocking))
  }
}
