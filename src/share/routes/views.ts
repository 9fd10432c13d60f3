/** How files and guest links look in answers. */
import { z } from 'zod'
import { formatGoDuration } from '../../base/index.ts'
import { formatTime } from '../fields.ts'
import type { ListedFile } from '../files.ts'
import type { GuestLink } from '../guest-links.ts'

const time = z.iso.datetime().describe('RFC 3339, UTC')

export const fileView = z
  .object({
    id: z.string().describe('10 characters'),
    filename: z.string(),
    contentType: z.string().describe('As the uploader gave it; may be empty'),
    sizeBytes: z.int(),
    sha256: z.string().describe('Lower-case hex'),
    uploadedAt: time,
    expiresAt: time.nullable().describe('Null is never'),
    note: z.string().nullable(),
    guestLink: z
      .object({ id: z.string(), label: z.string().nullable() })
      .nullable()
      .describe('How it came, if by a guest link'),
    downloadCount: z.int(),
    maxDownloads: z.int().nullable(),
    hasPassphrase: z.boolean(),
    url: z.string().describe('Where anyone can download it'),
  })
  .meta({ id: 'SharedFile' })

export function viewFile(file: ListedFile, baseUrl: string): z.infer<typeof fileView> {
  return {
    id: file.id,
    filename: file.filename,
    contentType: file.content_type,
    sizeBytes: file.size_bytes,
    sha256: file.sha256,
    uploadedAt: formatTime(file.uploaded_at),
    expiresAt: formatTime(file.expires_at),
    note: file.note,
    guestLink: file.guest_link_id === null ? null : { id: file.guest_link_id, label: file.guest_link_label },
    downloadCount: file.download_count,
    maxDownloads: file.max_downloads,
    hasPassphrase: file.passphrase_hash !== null,
    url: `${baseUrl}/-${file.id}`,
  }
}

export const guestLinkView = z
  .object({
    id: z.string().describe('16 characters'),
    label: z.string().nullable().describe('For the owner alone'),
    greeting: z.string().nullable().describe('What the guest reads'),
    createdAt: time,
    urlExpiresAt: time.nullable().describe('Null is never'),
    fileLifetime: z
      .string()
      .nullable()
      .describe('Longest life of its files as a Go duration, such as 720h0m0s; null is forever'),
    maxFileBytes: z.int().nullable(),
    maxFileUploads: z.int().nullable(),
    uploadCount: z.int().describe('Files that came through it and exist now'),
    isDisabled: z.boolean(),
    isActive: z.boolean().describe('Whether an upload would be accepted now'),
    url: z.string(),
  })
  .meta({ id: 'GuestLink' })

export function viewGuestLink(link: GuestLink, isActive: boolean, baseUrl: string): z.infer<typeof guestLinkView> {
  return {
    id: link.id,
    label: link.label,
    greeting: link.greeting,
    createdAt: formatTime(link.created_at),
    urlExpiresAt: formatTime(link.url_expires_at),
    fileLifetime: viewLifetime(link),
    maxFileBytes: link.max_file_bytes,
    maxFileUploads: link.max_file_uploads,
    uploadCount: link.uploads,
    isDisabled: link.is_disabled === 1,
    isActive,
    url: `${baseUrl}/g/${link.id}`,
  }
}

export function viewLifetime(link: GuestLink): string | null {
  return link.file_lifetime_ms === null ? null : formatGoDuration(link.file_lifetime_ms)
}
