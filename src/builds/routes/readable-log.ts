/**
 * A log that Packer wrote for programs, as the text that it shows to people. Lines of other programs stay as they
 * are.
 */
import { stripVTControlCharacters } from 'node:util'
import { parsePackerLine, textForPeople } from '../packer-log.ts'

const NEWLINE = 0x0a
/** A line that grows beyond this is shown before its end has come. */
const MAX_PENDING_BYTES = 64 * 1024

/** What a line says to a person, without its line feed; null when it is for programs only. */
function readableLine(line: string): string | null {
  const parsed = parsePackerLine(line)
  if (!parsed) return plainText(line)
  // What the other types tell (artifacts, errors, counts) stands in a `ui` line too.
  return textForPeople(parsed)?.split('\n').map(plainText).join('\n') ?? null
}

/** Without colours, and with the last of what a progress bar wrote over itself. */
export function plainText(line: string): string {
  const text = stripVTControlCharacters(line).replace(/\r+$/, '')
  return text.slice(text.lastIndexOf('\r') + 1)
}

/** Turns a log's bytes, as they come, into readable text of whole lines. */
export class ReadableLog {
  #pending: Buffer = Buffer.alloc(0)

  /** The text of the lines that `chunk` ends; an empty one when it ends none. */
  push(chunk: Buffer): string {
    const bytes = Buffer.concat([this.#pending, chunk])
    const isTooLong = bytes.length - bytes.lastIndexOf(NEWLINE) > MAX_PENDING_BYTES
    const end = isTooLong ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1
    this.#pending = bytes.subarray(end)
    return readable(bytes.subarray(0, end))
  }

  /** The last line, if it has no line feed. */
  end(): string {
    const rest = this.#pending
    this.#pending = Buffer.alloc(0)
    return readable(rest)
  }
}

function readable(bytes: Buffer): string {
  if (bytes.length === 0) return ''
  const isWhole = bytes.at(-1) === NEWLINE
  const lines = bytes.toString('utf8', 0, isWhole ? bytes.length - 1 : bytes.length).split('\n')
  const shown = lines.map(readableLine).filter((line) => line !== null)
  return shown.map((line) => `${line}\n`).join('')
}
