/** The port of the lab's targets: what runs in a machine, or runs already. A driver a file; `targets.ts` chooses. */
import type { Program } from '../machines/machine.ts'
import type { Launch } from '../machines/server-process.ts'

export interface Target {
  /** As shown and as given to `--target`: `holdfast`, `picoshare`, `command`, `url`. */
  readonly kind: string
  /** The owner's shared secret, with which the lab logs in. */
  readonly secret: string
  /**
   * What must be there before a machine boots, such as a binary that is built now. Called once a run.
   * @throws TARGET_UNAVAILABLE when it cannot be had.
   */
  prepare(signal: AbortSignal): Promise<PreparedTarget>
}

export interface PreparedTarget {
  /** Version of what is measured, empty when it cannot be told before it runs. */
  version: string
  /** What the machine must have of this host, or null when nothing has to be brought. */
  program: Program | null
  /** How it is started, or null and a URL for a server that runs already. */
  start: ((place: Place) => Launch) | null
  url: string | null
}

/** Where on a machine a server is started. */
export interface Place {
  /** See `Machine.programFolder`. */
  programFolder: string | null
  workFolder: string
  host: string
  port: number
}
