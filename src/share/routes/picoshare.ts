/**
 * What PicoShare's clients send and are answered, in its names and with its rules; fields that it does not have may be
 * left out. Its links are in download-routes.ts, its times and names in ../fields.ts.
 */
import { z } from 'zod'
import { closedObject } from '../../base/index.ts'

/** Fields of the forms besides `file`. */
export const OWNERS_FIELDS = ['note', 'maxDownloads', 'downloadPassphrase']
export const GUESTS_FIELDS = ['note']

/** Of a form. */
export const uploaded = z.object({ id: z.string() }).meta({ id: 'Uploaded' })

export const protections = {
  maxDownloads: z.int().min(1).max(1e9).nullable().optional().describe('Missing keeps it, null removes it'),
  downloadPassphrase: z.string().nullable().optional().describe('Missing keeps it, null removes it'),
}

/** PUT of a file replaces its three fields as a whole. */
export const replaceBody = closedObject({
  filename: z.string(),
  expiration: z.string().nullish().describe('Empty or missing is never'),
  note: z.string().nullish().describe('Empty or missing removes it'),
  ...protections,
})

/** Forever: a hundred years. */
export const FOREVER_MS = 876_000 * 3_600_000

export const newLinkBody = closedObject({
  label: z.string().nullish().describe('For the owner alone; at most 200 bytes'),
  greeting: z.string().nullish().describe('What the guest reads; at most 200 bytes'),
  urlExpirationTime: z.string().describe('RFC 3339, at least an hour ahead'),
  fileLifetime: z.string().describe('At least 24h; 876000h0m0s is forever'),
  maxFileBytes: z.int().min(1_048_576).nullish(),
  maxFileUploads: z.int().min(1).nullish(),
}).meta({ id: 'NewGuestLink' })

const days = z.int().min(1).max(3650)
export const settingsView = z
  .object({ defaultExpirationDays: days, defaultNeverExpire: z.boolean() })
  .meta({ id: 'Settings' })
/** Its page sends either. */
export const settingsBody = closedObject({
  defaultExpirationDays: days.optional().describe('Alone: files expire after so many days'),
  defaultNeverExpire: z.boolean().optional().describe('Alone: the days stay as they are'),
})
