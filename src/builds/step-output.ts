/** The end of what each provisioner printed, from Packer's log: it is cut at the lines that the markers print. */
import type { PackerLine } from './packer-log.ts'
import { MARKER_LINE } from './template/index.ts'

const MAX_BYTES = 4096
/** Packer announces each shell-local, so each marker too, and the clean-up after a failure. */
const ANNOUNCEMENT = /^(Running local shell script: |Provisioning step had errors: )/

export class StepOutput {
  #step: number | null = null
  #lines: string[] = []
  #bytes = 0

  /**
   * Takes the next line of the log.
   * @returns the output of a step that ended with it, or null.
   */
  add(line: PackerLine): { step: number; output: string } | null {
    const text = textOf(line)
    if (text === null) return null
    const marker = MARKER_LINE.exec(text)?.groups
    if (marker?.['event'] === 'start') {
      this.#begin(Number(marker['step']))
      return null
    }
    if (marker?.['event'] === 'end') return this.end()
    if (this.#step !== null) this.#keep(text)
    return null
  }

  /** The output so far of the step that has not ended, which nothing is added to any more. */
  end(): { step: number; output: string } | null {
    const step = this.#step
    if (step === null) return null
    if (ANNOUNCEMENT.test(this.#lines.at(-1) ?? '')) this.#lines.pop()
    if (ANNOUNCEMENT.test(this.#lines[0] ?? '')) this.#lines.shift()
    const output = this.#lines.join('\n')
    this.#step = null
    return {
      step,
      output: Buffer.from(output)
        .subarray(-MAX_BYTES)
        .toString('utf8')
        .replace(/^\uFFFD+/, ''),
    }
  }

  #begin(step: number): void {
    this.#step = step
    this.#lines = []
    this.#bytes = 0
  }

  #keep(text: string): void {
    this.#lines.push(text)
    this.#bytes += Buffer.byteLength(text) + 1
    while (this.#lines.length > 1 && this.#bytes > 2 * MAX_BYTES) {
      this.#bytes -= Buffer.byteLength(this.#lines.shift() ?? '') + 1
    }
  }
}

/** What a line of a build says, without `==> null.a: ` before it; null for lines of Packer as a whole. */
function textOf({ type, data }: PackerLine): string | null {
  if (type !== 'ui') return null
  return /^(?:==>|   ) [^\n]*?: (?<text>[^]*)$/.exec(data[1] ?? '')?.groups?.['text'] ?? null
}
