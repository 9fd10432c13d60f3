/** The HTTP API's answers. Times are RFC 3339 in UTC, sizes are bytes. */
export interface SharedFile {
  id: string
  filename: string
  contentType: string
  sizeBytes: number
  sha256: string
  uploadedAt: string
  /** `null`: never. */
  expiresAt: string | null
  note: string | null
  /** The guest link that it came by; `null`: the owner uploaded it. */
  guestLink: { id: string; label: string | null } | null
  downloadCount: number
  maxDownloads: number | null
  hasPassphrase: boolean
  url: string
}

export interface FileList {
  files: SharedFile[]
  /** How many match, of which `files` is one page. */
  total: number
  totalBytes: number
}

export interface FileQuery {
  search: string
  sort: string
  order: 'asc' | 'desc'
  limit: number
  offset: number
}

/** Absent limits stay as they are, `null` removes them. */
export interface FileChange {
  filename: string
  expiration: string
  note: string
  maxDownloads?: number | null
  downloadPassphrase?: string | null
}

export interface Download {
  at: string
  clientIp: string
  userAgent: string
}

export interface GuestLink {
  id: string
  label: string | null
  createdAt: string
  urlExpiresAt: string | null
  /** A Go duration such as `720h0m0s`; `null`: files stay forever. */
  fileLifetime: string | null
  maxFileBytes: number | null
  maxFileUploads: number | null
  uploadCount: number
  isDisabled: boolean
  isActive: boolean
  url: string
}

export interface NewGuestLink {
  label: string | null
  urlExpirationTime: string
  fileLifetime: string
  maxFileBytes: number | null
  maxFileUploads: number | null
}

/** What a guest may know of a guest link. */
export interface GuestView {
  id: string
  label: string | null
  isActive: boolean
  maxFileBytes: number | null
  uploadsLeft: number | null
  fileLifetime: string | null
}

export interface Settings {
  defaultExpirationDays: number
  defaultNeverExpire: boolean
}

export interface ActiveUpload {
  id: string
  bytes: number
  totalBytes: number | null
  bytesPerSecond: number
  startedAt: string
}

export interface SystemInfo {
  version: string
  uptimeSeconds: number
  disk: { freeBytes: number; totalBytes: number }
  availableForUploadsBytes: number
  maxFileSizeBytes: number | null
  files: { count: number; totalBytes: number }
  memoryBytes: number
  uploads: ActiveUpload[]
}

export interface Token {
  id: string
  name: string
  createdAt: string
  lastUsedAt: string | null
}
