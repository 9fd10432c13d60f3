/** The settings of the data folder. */
import { booleanOption, textOption } from '../base/index.ts'

export const STORAGE_OPTIONS = {
  dataFolder: textOption({
    env: ['HOLDFAST_DATA'],
    flag: 'data',
    summary: 'Folder of the database and the files; made when missing.',
    allowed: 'a path',
    default: './data',
    pattern: /^[^\0]+$/,
  }),
  fsync: booleanOption({
    env: ['HOLDFAST_FSYNC'],
    flag: 'fsync',
    summary: 'Wait for the disk before an upload is acknowledged. Off: a power failure may lose the newest files.',
    default: true,
  }),
} as const
