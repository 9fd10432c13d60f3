/**
 * Packer's machine-readable output: `time,target,type,data...`, with commas and line ends in the data escaped. See
 * https://developer.hashicorp.com/packer/docs/commands#machine-readable-output
 */

import { MARKER_LINE } from './template/marker.ts'

export interface PackerLine {
  /** The build that it is of, or '' for Packer as a whole. */
  readonly target: string
  /** `ui`, `error`, `artifact`, `error-count`, ... */
  readonly type: string
  readonly data: readonly string[]
}

/** What Packer says that it made. */
export interface PackerArtifact {
  /** Who made it: `transcend.qemu`. */
  builderId: string
  /** What it is to its builder: `VM`, the id of a cloud's image. */
  id: string
  /** As Packer wrote them: absolute, or relative to where it ran. */
  files: string[]
}

/** @returns null for a line of another form: what a plugin, a shell or Go's runtime printed. */
export function parsePackerLine(line: string): PackerLine | null {
  const [time = '', target, type, ...data] = line.split(',')
  if (!/^\d+$/.test(time) || target === undefined || type === undefined) return null
  return { target: unescape(target), type, data: data.map(unescape) }
}

/** Gathers what the lines of one run tell. */
export class PackerReport {
  /** Why builds failed, in Packer's words. */
  readonly errors: string[] = []
  readonly #artifacts = new Map<string, PackerArtifact>()
  /** Whether Packer came to its end: it counts errors or artifacts there, or says that there are none. */
  isFinished = false

  add({ target, type, data }: PackerLine): void {
    if (type === 'error' && data[0]) this.errors.push(data[0].trim())
    if (type === 'error-count' || type === 'artifact-count') this.isFinished = true
    if (type === 'ui' && data[0] === 'say' && /^\s*==> Builds finished/.test(data[1] ?? '')) this.isFinished = true
    if (type === 'ui' && data[0] === 'error') this.#addComplaint(data[1] ?? '')
    if (type === 'artifact') this.#addArtifact(target, data)
  }

  get artifacts(): PackerArtifact[] {
    return [...this.#artifacts.values()]
  }

  /** A template that cannot be used has no `error` line; and what scripts say on stderr never begins like this. */
  #addComplaint(text: string): void {
    // Warnings may stand before the error, in the same message.
    const complaint = text.startsWith('Warning: ') ? /^Error: [^]*/m.exec(text)?.[0] : text
    if (complaint && /^(Error: |Failed to |Could not )/.test(complaint)) this.errors.push(complaint.trim())
  }

  #addArtifact(target: string, [index = '', key, value = '', path = '']: readonly string[]): void {
    const place = `${target},${index}`
    const artifact = this.#artifacts.get(place) ?? { builderId: '', id: '', files: [] }
    this.#artifacts.set(place, artifact)
    if (key === 'builder-id') artifact.builderId = value
    if (key === 'id') artifact.id = value
    if (key === 'file') artifact.files.push(path)
  }
}

/** What a person would have seen of the user's own template; null for other lines, our markers' included. */
export function textForPeople({ type, data }: PackerLine): string | null {
  const text = (data[1] ?? '').replace(/^\n/, '')
  return type === 'ui' && !MARKER_LINE.test(text) ? text : null
}

function unescape(field: string): string {
  return field
    .replaceAll('%!(PACKER_COMMA)', ',')
    .replaceAll(String.raw`\n`, '\n')
    .replaceAll(String.raw`\r`, '\r')
}
