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

/** An absent field stays as it is; `null` removes it, and means "never" for the expiration. */
export interface FileChange {
  filename?: string
  expiration?: string | null
  note?: string | null
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
  greeting: string | null
  createdAt: string
  urlExpiresAt: string | null
  /** A Go duration in the answer; `null`: files stay forever. */
  fileLifetimeMs: number | null
  maxFileBytes: number | null
  maxFileUploads: number | null
  uploadCount: number
  isDisabled: boolean
  isActive: boolean
}

export interface NewGuestLink {
  label: string | null
  greeting: string | null
  urlExpirationTime: string
  fileLifetime: string
  maxFileBytes: number | null
  maxFileUploads: number | null
}

/** What a guest may know of a guest link. */
export interface GuestView {
  id: string
  greeting: string | null
  isActive: boolean
  maxFileBytes: number | null
  uploadsLeft: number | null
  fileLifetimeMs: number | null
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
  trash: { count: number; totalBytes: number }
  memoryBytes: number
  uploads: ActiveUpload[]
}

export interface TrashedFile extends SharedFile {
  deletedAt: string
  reason: 'deleted' | 'expired'
  /** Uptime of the server until it is removed for good. */
  purgeInSeconds: number
}

export interface TrashedGuestLink extends GuestLink {
  deletedAt: string
  /** Uptime of the server until it is removed for good. */
  purgeInSeconds: number
}

export interface TrashList {
  files: TrashedFile[]
  /** Of the files. */
  total: number
  totalBytes: number
  guestLinks: TrashedGuestLink[]
}

/** What a token may do; `manage` is everything. */
export type Scope = 'upload' | 'read' | 'manage'

export interface Token {
  id: string
  name: string
  scopes: Scope[]
  createdAt: string
  expiresAt: string | null
  lastUsedAt: string | null
}

export interface NewToken {
  name: string
  scopes: Scope[]
  expiresAt: string | null
}

export interface Session {
  id: string
  createdAt: string | null
  lastUsedAt: string | null
  expiresAt: string
  clientIp: string | null
  userAgent: string | null
  isCurrent: boolean
}

export type BuildStatus = 'pending' | 'creating' | 'provisioning' | 'complete' | 'failed' | 'interrupted'
export type StepStatus = 'pending' | 'running' | 'complete' | 'failed' | 'skipped'

interface AnyBuild {
  state: string
  /** Its key in the state: `<template name>/<source>` if `holdfast build` made it. */
  name: string
  source: string
  status: BuildStatus
  /** Path of the template where it was built. */
  template: string | null
  createdAt: string | null
  startedAt: string | null
  endedAt: string | null
  error: string | null
  /** `null`: the build is over, or that is unknown. `packer`: Packer alone goes on. */
  workedOnBy: 'holdfast' | 'packer' | 'nobody' | null
}

export interface BuildSummary extends AnyBuild {
  steps: { total: number; complete: number }
  /** The step that runs, or that failed; its number is from 1. */
  currentStep: { number: number; name: string; startedAt: string | null } | null
}

export interface BuildState {
  name: string
  builds: number
  statuses: Partial<Record<BuildStatus, number>>
  /** Why it cannot be read. */
  problem: { code: string; message: string } | null
}

export interface BuildList {
  states: BuildState[]
  builds: BuildSummary[]
  /** What to ask for the next page with; `null`: this is the last. */
  next: string | null
}

export interface BuildQuery {
  /** Empty: of all. */
  state: string
  status: BuildStatus | ''
  after: string
}

export interface BuildStep {
  name: string
  status: StepStatus
  startedAt: string | null
  endedAt: string | null
  error: string | null
  exitStatus: number | null
  /** The end of what it printed. */
  output: string | null
  attempts: number | null
}

export interface Artifact {
  path: string
  sizeBytes: number
  sha256: string
  /** Where it was published. */
  url: string | null
  type: string | null
}

export interface Build extends AnyBuild {
  packer: string | null
  note: string | null
  /** Goes on with the build, in a POSIX shell where it was built. */
  command: string | null
  fingerprint: string | null
  steps: BuildStep[]
  artifacts: Artifact[]
  /** `from`: the first step that it ran, from 0. */
  run: { id: string; startedAt: string | null; from: number; attempt: number } | null
}

/** A save of the state that changed a build. */
export interface BuildSave {
  serial: number
  at: string
  who: string
  operation: string
}

/** News of a build's log. */
export interface LogNews {
  text: string
  /** It takes the place of all that came before. */
  isNew: boolean
  /** Something before it was left out. */
  isCut: boolean
}
