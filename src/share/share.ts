/** Puts the share's parts together. */
import type { FastifyInstance } from 'fastify'
import type { Clock, Log, Metrics } from '../base/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import { DownloadLog } from './download-log.ts'
import { Downloads } from './downloads.ts'
import { Files } from './files.ts'
import { FreeSpace } from './free-space.ts'
import { GuestLinks } from './guest-links.ts'
import { Orphans } from './orphans.ts'
import { downloadRoutes } from './routes/download-routes.ts'
import { fileRoutes } from './routes/file-routes.ts'
import { guestLinkRoutes } from './routes/guest-link-routes.ts'
import { ResumableRows } from './resumable/resumable-rows.ts'
import { ResumableUploads } from './resumable/resumable-uploads.ts'
import { progressRoutes } from './routes/progress-routes.ts'
import { settingsRoutes } from './routes/settings-routes.ts'
import { trashRoutes } from './routes/trash-routes.ts'
import { tusRoutes } from './routes/tus-routes.ts'
import { unlockRoutes } from './routes/unlock-routes.ts'
import { uploadRoutes } from './routes/upload-routes.ts'
import { Settings } from './settings.ts'
import { Sweeper } from './sweeper.ts'
import { Trash } from './trash.ts'
import { Transfers } from './transfers.ts'
import { Unlocking } from './unlocking.ts'
import { UploadTracker } from './upload-tracker.ts'
import { Uploads } from './uploads.ts'
import { Uptime } from './uptime.ts'

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
  /** How long what was deleted or has expired can be brought back, ms of uptime. */
  keepDeletedMs: number
}

export class Share {
  readonly files: Files
  readonly trash: Trash
  readonly uptime: Uptime
  readonly #guestLinks: GuestLinks
  readonly freeSpace: FreeSpace
  readonly tracker: UploadTracker
  readonly transfers: Transfers
  readonly sweeper: Sweeper
  readonly #deps: ShareDependencies
  readonly #uploads: Uploads
  /** null: the blob store cannot resume, and there are no tus routes. */
  readonly #resumable: ResumableUploads | null

  constructor(deps: ShareDependencies) {
    const { database, blobs, clock, log, metrics } = deps
    this.#deps = deps
    this.files = new Files(database, blobs, clock)
    const uptime = new Uptime(database)
    this.uptime = uptime
    this.trash = new Trash({ database, blobs, clock, uptime, metrics, keepMs: deps.keepDeletedMs })
    this.#guestLinks = new GuestLinks({ database, clock, uptime, keepMs: deps.keepDeletedMs })
    this.freeSpace = new FreeSpace(blobs, database, this.trash, deps.minFreeBytes)
    this.tracker = new UploadTracker(clock, metrics)
    this.transfers = new Transfers(metrics)
    this.#uploads = new Uploads({ blobs, files: this.files, freeSpace: this.freeSpace, tracker: this.tracker, log })
    this.#resumable =
      blobs.resumable &&
      new ResumableUploads({
        resumable: blobs.resumable,
        rows: new ResumableRows(database, clock),
        uptime,
        quarantineMs: deps.keepDeletedMs,
        blobs,
        files: this.files,
        freeSpace: this.freeSpace,
        tracker: this.tracker,
        clock,
        log,
        lifetimeMs: deps.uploadLifetimeMs,
      })
    const { files, trash } = this
    const orphans = new Orphans({ database, blobs, files, uploads: this.#uploads, uptime, log })
    this.sweeper = new Sweeper({
      files,
      blobs,
      orphans,
      resumable: this.#resumable,
      trash,
      guestLinks: this.#guestLinks,
      uptime,
      freeSpace: this.freeSpace,
      clock,
      log,
    })
  }

  /** Uploads and downloads that are running. */
  get activeTransfers(): number {
    return this.tracker.active().length + this.transfers.active
  }

  /** Adds all routes; groups that parse bodies in their own way get a scope of their own. */
  async register(app: FastifyInstance): Promise<void> {
    const { database, blobs, clock, log, maxFileBytes } = this.#deps
    const { files, trash, transfers } = this
    const guestLinks = this.#guestLinks
    const settings = new Settings(database)
    const downloadLog = new DownloadLog(database)
    const downloads = new Downloads(database, clock, log)
    const unlocking = new Unlocking(database, clock)
    fileRoutes(app, { files, trash, freeSpace: this.freeSpace, downloadLog, clock })
    trashRoutes(app, { files, trash, guestLinks, clock })
    guestLinkRoutes(app, guestLinks, clock)
    settingsRoutes(app, settings)
    progressRoutes(app, this.tracker)
    await app.register(async (scope) =>
      uploadRoutes(scope, { uploads: this.#uploads, files, guestLinks, settings, clock, maxFileBytes }),
    )
    const resumable = this.#resumable
    if (resumable) {
      await app.register(async (scope) =>
        tusRoutes(scope, { uploads: resumable, guestLinks, settings, clock, maxFileBytes }),
      )
    }
    await app.register(async (scope) => downloadRoutes(scope, { files, blobs, downloads, unlocking, transfers }))
    await app.register(async (scope) => unlockRoutes(scope, files, unlocking))
  }
}
