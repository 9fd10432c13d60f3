/**
 * The answers and bodies of the HTTP API. Made from the OpenAPI document by 'npm run docs': do not edit. Times are
 * RFC 3339 in UTC, sizes are bytes.
 */
export interface ActiveUpload {
  id: string
  bytes: number
  totalBytes: number | null
  bytesPerSecond: number
  startedAt: string
}

export interface Artifact {
  path: string
  sizeBytes: number
  sha256: string
  /** Where it was published */
  url: string | null
  type: string | null
}

export interface Build {
  state: string
  /** Its key in the state: `<template name>/<source>` if `holdfast build` made it */
  name: string
  source: string
  status: BuildStatus
  /** Path of the template, on the builder's machine */
  template: string | null
  /** RFC 3339, UTC */
  createdAt: string | null
  /** RFC 3339, UTC */
  startedAt: string | null
  /** RFC 3339, UTC */
  endedAt: string | null
  error: string | null
  /** Of a build that `holdfast build` began and that is under way; `packer`: Packer alone goes on */
  workedOnBy: 'holdfast' | 'packer' | 'nobody' | null
  /** Packer's version */
  packer: string | null
  /** Why it resumed, started over or was built again */
  note: string | null
  /** Goes on with the build, in a POSIX shell on the builder's machine */
  command: string | null
  /** Hash of the template and all that it refers to */
  fingerprint: string | null
  steps: BuildStep[]
  artifacts: Artifact[]
  run: {
    id: string
    /** RFC 3339, UTC */
    startedAt: string | null
    /** The first provisioner that it ran, from 0; those before it were complete */
    from: number
    attempt: number
  } | null
}

export interface BuildHistory {
  history: BuildSave[]
}

export interface BuildList {
  /** All states, whatever is asked for */
  states: BuildState[]
  /** State by state; in each the build that was saved last comes first */
  builds: BuildSummary[]
  /** For `after`; null on the last page */
  next: string | null
}

/** A save of the state that changed the build */
export interface BuildSave {
  serial: number
  at: string
  who: string
  operation: string
}

export interface BuildState {
  name: string
  builds: number
  /** How many builds have each status */
  statuses: Record<string, number>
  /** Why it cannot be read */
  problem: {
    code: string
    message: string
  } | null
}

export type BuildStatus = 'pending' | 'creating' | 'provisioning' | 'complete' | 'failed' | 'interrupted'

export interface BuildStep {
  name: string
  status: StepStatus
  /** RFC 3339, UTC */
  startedAt: string | null
  /** RFC 3339, UTC */
  endedAt: string | null
  error: string | null
  exitStatus: number | null
  /** The end of what it printed */
  output: string | null
  attempts: number | null
}

export interface BuildSummary {
  state: string
  /** Its key in the state: `<template name>/<source>` if `holdfast build` made it */
  name: string
  source: string
  status: BuildStatus
  /** Path of the template, on the builder's machine */
  template: string | null
  /** RFC 3339, UTC */
  createdAt: string | null
  /** RFC 3339, UTC */
  startedAt: string | null
  /** RFC 3339, UTC */
  endedAt: string | null
  error: string | null
  /** Of a build that `holdfast build` began and that is under way; `packer`: Packer alone goes on */
  workedOnBy: 'holdfast' | 'packer' | 'nobody' | null
  steps: {
    total: number
    complete: number
  }
  /** The provisioner that runs, or that failed */
  currentStep: {
    /** From 1 */
    number: number
    name: string
    /** RFC 3339, UTC */
    startedAt: string | null
  } | null
}

export interface CreatedToken {
  id: string
  name: string
  scopes: Scope[]
  expiresAt: string | null
  /** Shown only now */
  token: string
}

export interface Download {
  at: string
  clientIp: string
  userAgent: string
}

export interface DownloadList {
  downloads: Download[]
  total: number
}

/** Missing fields stay as they are */
export interface FileChange {
  filename?: string
  contentType?: string
  /** RFC 3339; null is never */
  expiration?: string | null
  /** Null removes it */
  note?: string | null
  /** Missing keeps it, null removes it */
  maxDownloads?: number | null
  /** Missing keeps it, null removes it */
  downloadPassphrase?: string | null
}

export interface FileList {
  files: SharedFile[]
  /** All that match, beyond this page too */
  total: number
  totalBytes: number
}

export interface GuestLink {
  /** 16 characters */
  id: string
  /** For the owner alone */
  label: string | null
  /** What the guest reads */
  greeting: string | null
  /** RFC 3339, UTC */
  createdAt: string
  /** Null is never */
  urlExpiresAt: string | null
  /** Longest life of its files as a Go duration, such as 720h0m0s; null is forever */
  fileLifetime: string | null
  maxFileBytes: number | null
  maxFileUploads: number | null
  /** Files that came through it and exist now */
  uploadCount: number
  isDisabled: boolean
  /** Whether an upload would be accepted now */
  isActive: boolean
  url: string
}

export interface GuestLinkList {
  guestLinks: GuestLink[]
}

export interface GuestView {
  /** 16 characters */
  id: string
  /** What the guest reads */
  greeting: string | null
  /** Whether an upload would be accepted now */
  isActive: boolean
  maxFileBytes: number | null
  /** Longest life of its files as a Go duration, such as 720h0m0s; null is forever */
  fileLifetime: string | null
  /** Null: no limit */
  uploadsLeft: number | null
}

export interface NewGuestLink {
  /** For the owner alone; at most 200 bytes */
  label?: string | null
  /** What the guest reads; at most 200 bytes */
  greeting?: string | null
  /** RFC 3339, at least an hour ahead */
  urlExpirationTime: string
  /** At least 24h; 876000h0m0s is forever */
  fileLifetime: string
  maxFileBytes?: number | null
  maxFileUploads?: number | null
}

export interface NewToken {
  name: string
  /** Manage implies the others */
  scopes?: Scope[]
  /** RFC 3339; null is never */
  expiresAt?: string | null
}

export type Scope = 'upload' | 'read' | 'manage'

export interface Session {
  id: string
  /** Null for a session of an older version */
  createdAt: string | null
  lastUsedAt: string | null
  expiresAt: string
  /** Where it began */
  clientIp: string | null
  userAgent: string | null
  isCurrent: boolean
}

export interface SessionList {
  sessions: Session[]
}

export interface Settings {
  defaultExpirationDays: number
  defaultNeverExpire: boolean
}

export interface SharedFile {
  /** 10 characters */
  id: string
  filename: string
  /** As the uploader gave it; may be empty */
  contentType: string
  sizeBytes: number
  /** Lower-case hex */
  sha256: string
  /** RFC 3339, UTC */
  uploadedAt: string
  /** Null is never */
  expiresAt: string | null
  note: string | null
  /** How it came, if by a guest link */
  guestLink: {
    id: string
    label: string | null
  } | null
  downloadCount: number
  maxDownloads: number | null
  hasPassphrase: boolean
  /** Where anyone can download it */
  url: string
}

export type StepStatus = 'pending' | 'running' | 'complete' | 'failed' | 'skipped'

export interface SystemInfo {
  version: string
  uptimeSeconds: number
  memoryBytes: number
  disk: {
    freeBytes: number
    totalBytes: number
  } | null
  availableForUploadsBytes: number | null
  maxFileSizeBytes: number | null
  files: {
    count: number
    totalBytes: number
  }
  /** Deleted and expired files whose bytes are still there; given up when an upload needs the space */
  trash: {
    count: number
    totalBytes: number
  }
  uploads: ActiveUpload[]
}

export interface Token {
  id: string
  name: string
  scopes: Scope[]
  createdAt: string
  /** Null is never */
  expiresAt: string | null
  lastUsedAt: string | null
}

export interface TokenList {
  tokens: Token[]
}

export interface TrashList {
  files: TrashedFile[]
  /** Files */
  total: number
  totalBytes: number
  guestLinks: TrashedGuestLink[]
}

export interface TrashedFile {
  /** 10 characters */
  id: string
  filename: string
  /** As the uploader gave it; may be empty */
  contentType: string
  sizeBytes: number
  /** Lower-case hex */
  sha256: string
  /** RFC 3339, UTC */
  uploadedAt: string
  /** Null is never */
  expiresAt: string | null
  note: string | null
  /** How it came, if by a guest link */
  guestLink: {
    id: string
    label: string | null
  } | null
  downloadCount: number
  maxDownloads: number | null
  hasPassphrase: boolean
  /** Where anyone can download it */
  url: string
  /** Or when it expired */
  deletedAt: string
  reason: 'deleted' | 'expired'
  /** While the server runs */
  purgeInSeconds: number
}

export interface TrashedGuestLink {
  /** 16 characters */
  id: string
  /** For the owner alone */
  label: string | null
  /** What the guest reads */
  greeting: string | null
  /** RFC 3339, UTC */
  createdAt: string
  /** Null is never */
  urlExpiresAt: string | null
  /** Longest life of its files as a Go duration, such as 720h0m0s; null is forever */
  fileLifetime: string | null
  maxFileBytes: number | null
  maxFileUploads: number | null
  /** Files that came through it and exist now */
  uploadCount: number
  isDisabled: boolean
  /** Whether an upload would be accepted now */
  isActive: boolean
  url: string
  deletedAt: string
  /** While the server runs */
  purgeInSeconds: number
}

export interface Uploaded {
  id: string
}
