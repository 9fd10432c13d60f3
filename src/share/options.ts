/** The settings of the file share. */
import { bytesOption, durationOption } from '../base/index.ts'

export const SHARE_OPTIONS = {
  maxFileSize: bytesOption({
    env: ['HOLDFAST_MAX_FILE_SIZE'],
    flag: 'max-file-size',
    summary: 'Largest file that may be uploaded; 0: no limit but the disk.',
    default: 0,
  }),
  minFreeSpace: bytesOption({
    env: ['HOLDFAST_MIN_FREE_SPACE'],
    flag: 'min-free-space',
    summary: 'Space that uploads leave free on the disk.',
    default: 64_000_000,
  }),
  uploadExpiry: durationOption({
    env: ['HOLDFAST_UPLOAD_EXPIRY'],
    flag: 'upload-expiry',
    summary: 'How long an unfinished resumable upload is kept after its last byte.',
    default: 86_400_000,
    min: 1000,
    max: 30 * 86_400_000,
  }),
  keepDeleted: durationOption({
    env: ['HOLDFAST_KEEP_DELETED'],
    flag: 'keep-deleted',
    summary:
      'How long deleted and expired files can be brought back, counted while the server runs; less when an upload needs the space.',
    default: 86_400_000,
    min: 1000,
    max: 365 * 86_400_000,
  }),
  sweepInterval: durationOption({
    env: ['HOLDFAST_SWEEP_INTERVAL'],
    flag: 'sweep-interval',
    summary: 'How often files whose time in the trash is over are removed and leftovers are looked for.',
    default: 300_000,
    min: 1000,
    max: 86_400_000,
  }),
} as const
