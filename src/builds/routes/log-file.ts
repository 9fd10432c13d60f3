/**
 * A run's log. Whatever a record says, only regular files that really lie inside the data folder's `builds` are
 * opened.
 */
import { constants } from 'node:fs'
import { open, realpath, type FileHandle } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { systemErrorCode } from '../../base/index.ts'
import { ReadableLog } from './readable-log.ts'

/** Not a link, should one have taken the file's place meanwhile; and a pipe must not keep the opener waiting. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG', 'ENXIO', 'ERR_INVALID_ARG_VALUE']
const CHUNK_BYTES = 64 * 1024
const NEWLINE = 0x0a

/**
 * Opens a log, given by its absolute path or one relative to the data folder; null when there is none that may be
 * read.
 */
export async function openLog(dataFolder: string, path: string): Promise<FileHandle | null> {
  try {
    const root = await realpath(join(dataFolder, 'builds'))
    const real = await realpath(resolve(dataFolder, path))
    if (!real.startsWith(root + sep)) return null
    const file = await open(real, FLAGS)
    if ((await file.stat()).isFile()) return file
    await file.close()
    return null
  } catch (error) {
    if (ABSENT.includes(systemErrorCode(error) ?? '')) return null
    throw error
  }
}

/** Where the last `bytes` of a file begin, moved to the next line's beginning if there is one. */
export async function tailStart(file: FileHandle, sizeBytes: number, bytes: number): Promise<number> {
  const from = sizeBytes - bytes
  if (from <= 0) return 0
  let at = from - 1
  for await (const chunk of chunks(file, at, sizeBytes)) {
    const newline = chunk.indexOf(NEWLINE)
    if (newline !== -1) return at + newline + 1 === sizeBytes ? from : at + newline + 1
    at += chunk.length
  }
  return from
}

/** The bytes from `start` to before `end`, or to the file's end if that comes sooner. */
export async function* chunks(file: FileHandle, start: number, end: number): AsyncIterableIterator<Buffer> {
  for (let at = start; at < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** The same as readable text. */
export async function* readableChunks(file: FileHandle, start: number, end: number): AsyncIterableIterator<string> {
  const log = new ReadableLog()
  for await (const chunk of chunks(file, start, end)) yield log.push(chunk)
  yield log.end()
}
