/**
 * The folder of one run of Packer: `<data>/builds/<state>/<run>/<build>`. Holdfast knows of a run only what stands
 * here, so whoever comes later knows as much as who started it.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { messageOf, randomId, systemErrorCode } from '../base/index.ts'
import { makeFolder } from '../storage/index.ts'
import { groupOf, type ProcessGroup } from './process-group.ts'
import { BuildError } from './errors.ts'

export interface RunFolder {
  readonly path: string
  /** Packer's machine-readable output, whole. */
  readonly log: string
  /** What the markers in the derived template wrote. */
  readonly events: string
  /** Packer's own list of what it made. */
  readonly manifest: string
  /** The folder for what the template's manifest post-processors write; see manifest/. */
  readonly manifests: string
  /** The exit status, once Packer has ended. */
  readonly exit: string
  /** The folder of the disk that it goes on from: of no use once it has ended. */
  readonly base: string
  /** The machine's QMP socket, if QEMU runs it; useless once the machine has ended. */
  readonly monitorSocket: string
  /** Names the folder for Packer's temporary files; see temp-folder.ts. */
  readonly temp: string
  /**
   * Its first line alone counts: the line of the group's first process in /proc, or of the process that forbade it to
   * begin.
   */
  readonly process: string
  /** Space that a full disk leaves for the exit status: of size 0 once the disk was full. */
  readonly reserve: string
}

/** Where the runs of a state are. Absolute. */
export function runsFolder(dataFolder: string, stateName: string): string {
  return join(resolve(dataFolder), 'builds', stateName)
}

/** Where fingerprints keep the hashes of big files. Absolute. */
export function hashMemoryFile(dataFolder: string): string {
  return join(resolve(dataFolder), 'builds', '.hashes.json')
}

/** Held by a process while it changes a manifest of a user's. Absolute. */
export function manifestLock(dataFolder: string): string {
  return join(resolve(dataFolder), 'builds', '.manifests.lock')
}

/** A name for a `holdfast build`: its time and a random end, so that names sort by time. */
export function newRunId(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z-${randomId(6)}`
}

/** The files of a run's folder. */
export function openRunFolder(path: string): RunFolder {
  return {
    path,
    log: join(path, 'packer.log'),
    events: join(path, 'events.ndjson'),
    manifest: join(path, 'manifest.json'),
    manifests: join(path, 'manifests'),
    exit: join(path, 'exit'),
    base: join(path, 'base'),
    monitorSocket: socketOf(path),
    temp: join(path, 'temp'),
    process: join(path, 'process'),
    reserve: join(path, 'reserve'),
  }
}

/** In the run's folder, or where that lies too deep for a socket in the folder for temporary files. */
function socketOf(folder: string): string {
  const path = join(folder, 'qmp')
  // QEMU's configuration has no way to write a quotation mark.
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH && !/["\n]/.test(path)) return path
  return join(tmpdir(), `holdfast-qmp-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`)
}

/** Bytes (unix(7): 108 with the NUL at the end). */
const MAX_SOCKET_PATH = 107

/** For the exit status, and for the record if that is on the same disk. */
const RESERVE_BYTES = 256 * 1024

/** File systems take names of 255 bytes. */
const MAX_NAME_BYTES = 200

/** The folder's name for a build: readable, safe for any name, and never two the same. */
function folderName(buildName: string): string {
  // A percent sign would be decoded wherever Packer takes a path for a URL.
  const name = encodeURIComponent(buildName).replaceAll('%', '=')
  if (name.length <= MAX_NAME_BYTES) return name
  return `${name.slice(0, MAX_NAME_BYTES / 2)}-${createHash('sha256').update(buildName).digest('hex')}`
}

/** What the folders of all attempts and runs of one build have in common: their name up to the attempt. */
export function buildOfFolder(name: string): string {
  return name.replace(/@\d+$/, '')
}

/**
 * Makes the folder (0700) of a build's run; a second attempt gets another folder.
 * @throws DATA_FOLDER_UNUSABLE; NO_SPACE.
 */
export function createRunFolder(runs: string, runId: string, buildName: string, attempt: number): RunFolder {
  const name = `${folderName(buildName)}${attempt > 1 ? `@${attempt}` : ''}`
  const run = openRunFolder(join(runs, runId, name))
  makeFolder(run.path)
  try {
    writeFileSync(run.events, '', { mode: 0o600 })
    writeFileSync(run.log, '', { mode: 0o600 })
    writeFileSync(run.reserve, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 })
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOSPC') throw error
    throw new BuildError('NO_SPACE', `there is no space for a build's log in ${run.path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
  return run
}

/**
 * The group that runs, or ran, in the folder, or null when none ever will: a starter that has not begun by now finds
 * its place taken and ends. Both sides add a line and then look whose is the first, so neither can meet a file half
 * made.
 */
export function processOf(run: RunFolder): ProcessGroup | null {
  if (!existsSync(run.path)) return null
  if (firstLine(run.process) === null) appendFileSync(run.process, 'void\n')
  return groupIn(run)
}

/** The group that has begun in the folder, or null when none has: it may do so any moment. */
export function groupIn(run: RunFolder): ProcessGroup | null {
  const line = firstLine(run.process)
  return line === null ? null : groupOf(line)
}

/** Null while the file has no whole line. */
function firstLine(path: string): string | null {
  if (!existsSync(path)) return null
  const text = readFileSync(path, 'latin1')
  const end = text.indexOf('\n')
  return end < 0 ? null : text.slice(0, end)
}

/**
 * Packer's exit status, 128 and more for a signal; null when it runs or was ended together with all that watched it.
 */
export function exitStatusOf(run: RunFolder): number | null {
  if (!existsSync(run.exit)) return null
  const status = Number.parseInt(readFileSync(run.exit, 'utf8'), 10)
  return Number.isInteger(status) ? status : null
}

/** Whether the disk was full while Packer ran in the folder. */
export function wasDiskFull(run: RunFolder): boolean {
  return statSync(run.reserve, { throwIfNoEntry: false })?.size === 0
}
