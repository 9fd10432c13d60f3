import { readFileSync } from 'node:fs'
import { systemErrorCode } from './errors.ts'

/** A process as Linux shows it in /proc/PID/stat. See proc(5). */
export interface ProcessStat {
  pid: number
  /** One letter; Z and X are dead. */
  state: string
  group: number
  session: number
  /** User and system time of all its threads, clock ticks. */
  cpuTicks: number
  /** Clock ticks since boot. */
  started: number
}

/** @param line The whole of the file. @returns null for what is no such line, an empty one too. */
export function parseProcessStat(line: string): ProcessStat | null {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const stat = {
    pid: Number.parseInt(line, 10),
    state: fields[0] ?? '',
    group: Number(fields[2]),
    session: Number(fields[3]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    started: Number(fields[19]),
  }
  return [stat.pid, stat.group, stat.session, stat.cpuTicks, stat.started].every(Number.isInteger) ? stat : null
}

/** Of a process of this machine; null when there is none, or it ended while we looked. */
export function readProcessStat(pid: number | string): ProcessStat | null {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return null
    throw error
  }
}
