/** How the state, lock and stress commands print: tables for people, JSON for programs. */
import { log } from 'node:console'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadSettings } from './options.ts'
import { CommandError } from './errors.ts'

export interface DataOptions {
  data?: string
  json?: boolean
}

/** The absolute path of the data folder from `--data`, the environment or the default. @throws INVALID_CONFIG. */
export function dataFolderOf({ data }: DataOptions): string {
  return resolve(loadSettings({ data }).dataFolder)
}

/** As `dataFolderOf`, for readers: a mistake in its path makes no folder. @throws NOT_FOUND too. */
export function existingDataFolder(options: DataOptions): string {
  const folder = dataFolderOf(options)
  if (existsSync(folder)) return folder
  throw new CommandError('NOT_FOUND', `there is no data folder ${folder}`, { hint: 'Say which with --data.' })
}

/**
 * Ids of the locks under which this command was started: by `holdfast lock acquire`, maybe more than one within
 * another.
 */
export function outerLocks(): string[] {
  const { HOLDFAST_LOCK_ID: innermost = '', HOLDFAST_LOCK_IDS: all = '' } = process.env
  return `${all} ${innermost}`.split(' ').filter((id) => id !== '')
}

export function printJson(value: unknown): void {
  log(JSON.stringify(value, null, 2))
}

/** Columns as wide as their widest cell; `none` when there are no rows. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[], none: string): void {
  if (rows.length === 0) return log(none)
  for (const line of tableLines([header, ...rows.map((row) => row.map(printable))])) log(line)
}

/** Removes characters that break a line or control the terminal: a name may hold any character. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))
}

function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** `2026-11-21 23:04:05`, in UTC. */
export function shortTime(at: string | number | Date): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}
