/**
 * The markers between provisioners: what a `shell-local` runs to say in the events file where a run stands.
 * All text is plain ASCII without any character that HCL, Go templates or JSON treat in a way of their own.
 */

/** One line of the events file. */
export interface StepEvent {
  readonly event: 'start' | 'end'
  /** The index in the source's list of provisioners, as the user's template has them. */
  readonly step: number
  /** ISO 8601, UTC. */
  readonly at: string
}

/** What a marker prints, so that Packer's output can be told apart by steps. Never a source of state. */
export const MARKER_LINE = /holdfast: step (?<step>\d+) (?<event>start|end)/

/** The commands that end one step and start the next; either may be absent. For an `inline` of `shell-local`. */
export function markerCommands(
  eventsFile: string,
  { ended, started }: { ended?: number; started?: number },
  checkpointCommand: readonly string[] = [],
): string[] {
  const commands = [`events=${shellWord(eventsFile)}`]
  if (ended !== undefined) {
    if (checkpointCommand.length > 0) commands.push([...checkpointCommand, String(ended)].map(shellWord).join(' '))
    commands.push(...announce('end', ended))
  }
  if (started !== undefined) commands.push(...announce('start', started))
  return commands
}

function announce(event: StepEvent['event'], step: number): string[] {
  // A date that knows no milliseconds leaves the N.
  return [
    'at=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)',
    'case $at in *N*) at=$(date -u +%Y-%m-%dT%H:%M:%SZ);; esac',
    // One write, so that a kill leaves a whole line or none.
    String.raw`printf '\173"event":"${event}","step":${step},"at":"%s"\175\n' $at >> "$events"`,
    `echo holdfast: step ${step} ${event}`,
  ]
}

/** A word for sh: as it stands between quotes, or, with odd characters, as octal numbers that printf turns back. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return `'${text}'`
  const octal = [...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
  return `"$(printf '${octal.join('')}')"`
}

/** A text that a Go template renders to the given one. */
export function goTemplateText(text: string): string {
  return text.replaceAll('{{', '{{`{{`}}')
}
