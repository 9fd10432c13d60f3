/**
 * The port of the lab's machines: where a server under test runs. A driver a file in this folder; `machines.ts`
 * chooses.
 *
 * What a driver owes: a machine that no earlier iteration has touched, as far as the kind allows; a shell on it; a way
 * from this host to a TCP port on it; and nothing left behind after `stop`. How a server is started on it is not its
 * job: `server-process.ts` does that through the shell, alike for all.
 */
import type { Reaper } from '../reaper.ts'
import type { Shell } from './shell.ts'

export interface MachineDriver {
  /** As given to `--machine`: `process`, `cgroup2`, `qemu`, `ssh:HOST`. */
  readonly kind: string
  /** Whether `ramMb` is enforced, or only recorded. */
  readonly limitsMemory: boolean
  /**
   * How much servers may store at most, bytes, when the machines' files are in `folder`. Infinity: this cannot be
   * known here.
   */
  roomBytes(folder: string): number
  /** Whether `BootRequest.program` is what runs there, rather than what the machine has installed itself. */
  readonly bringsProgram: boolean
  /** Whether the kind can be had here. @throws MACHINE_UNAVAILABLE with the reason and what to do. */
  check(): Promise<void>
  /**
   * A running machine; may be called for several machines at once.
   * @throws MACHINE_FAILED (retryable) when it does not come up, with the end of its console as `details.log`, and with
   * `details.outOfMemory` when it is too small to. Whatever it had started until then is ended.
   */
  boot(request: BootRequest): Promise<Machine>
}

/** The files of a server's program. */
export interface Program {
  folder: string
  /** Files and folders in it that it needs, beside Node. */
  files: readonly string[]
}

export interface BootRequest {
  ramMb: number
  /** An empty folder on this host for the machine's files; removed by the caller after `stop`. */
  folder: string
  /** To be found on the machine under `programFolder`; null: it is installed there. */
  program: Program | null
  reaper: Reaper
  signal: AbortSignal
}

export interface Machine {
  readonly shell: Shell
  /** A folder on the machine for data, logs and pid files. */
  readonly workFolder: string
  /** Where `BootRequest.program`'s folder is on the machine; null: on its PATH. */
  readonly programFolder: string | null
  /** Words to put before a server's command, such as a launcher that moves it into a cgroup. */
  readonly commandPrefix: readonly string[]
  /** How often the server's memory is looked at, seconds: looking costs little, but more on slow machines. */
  readonly sampleSeconds: number
  readonly bootSeconds: number
  /** A TCP port that a server may listen on, and its address from here. Call it once a server. */
  openPort(signal: AbortSignal): Promise<{ port: number; host: string; url: string }>
  /** Why the machine itself is dead, or null while it lives. */
  death(): MachineDeath | null
  /** The end of its own log (kernel messages), empty where there is none. */
  consoleTail(): string
  /** Ends it and all that it started. May be called more than once. @returns what could not be removed, in words. */
  stop(): Promise<string[]>
}

export interface MachineDeath {
  message: string
  /** Whether it died of too little memory: that is a result, not a fault of the lab. */
  outOfMemory: boolean
}
