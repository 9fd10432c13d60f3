/**
 * The port for engines: where states, the locks that guard them and their backups are kept. A driver is a folder beside
 * this file and a line in `engines.ts`; `test/state/conformance.ts` and `test/lock/conformance.ts` run against each.
 */
import type { Lock, LockStore } from '../lock/index.ts'
import type { StateStore } from './state-store.ts'

export interface OpenStateOptions {
  /** Old serials that are kept. */
  keepSerials: number
  /** Refuse to make the state when it is missing. */
  mustExist: boolean
  /** Called at each new try after a transient failure. */
  onRetry?: () => void
  /** Called when the store gives up after too many failures (true), and when it works again (false). */
  onCircuit?: (isOpen: boolean) => void
}

/** All methods may be called at the same time, by any number of processes. */
export interface Engine {
  /** For messages: a folder or a URL, without credentials. */
  readonly location: string
  /** Null: the engine's own tools make backups. */
  readonly backups: BackupStore | null
  /** Opens the locks, creating what is missing. @throws LOCK_DAMAGED; DATA_FOLDER_UNUSABLE. */
  openLocks(): Promise<LockStore>
  /** Whether anybody has opened the locks yet. Creates nothing. */
  hasLocks(): Promise<boolean>
  /**
   * Opens a state, creating it when it is missing.
   * @throws INVALID_REQUEST for a bad name; NOT_FOUND when it `mustExist` and does not; STATE_DAMAGED; STATE_TOO_NEW;
   * DATA_FOLDER_UNUSABLE; NO_SPACE.
   */
  openState(name: string, options: OpenStateOptions): Promise<StateStore>
  /** Names of all states, sorted. Creates nothing. */
  stateNames(): Promise<string[]>
  /** Closes what the engine itself holds; stores and locks close by themselves. Idempotent. */
  close(): Promise<void>
}

export interface Backup {
  path: string
  serial: number
  /** When it was made. */
  at: Date
  sizeBytes: number
}

export interface Restored {
  backup: Backup
  /** The state's serial now: above the backup's and, if that could be read, the replaced state's. */
  serial: number
  /** Where the replaced state is now; null if there was none. */
  setAside: string | null
}

/** Backups of states by name. A backup counts only once it is verified and durable. */
export interface BackupStore {
  /** Newest first; empty for a state without backups. @throws DATA_FOLDER_UNUSABLE. */
  list(state: string): Promise<Backup[]>
  /**
   * Copies the newest save while others go on.
   * @throws NOT_FOUND; STATE_DAMAGED when the copy does not verify; NO_SPACE.
   */
  create(state: string): Promise<Backup>
  /** Drops all but the newest `keep`, and what processes left that died over a backup. */
  prune(state: string, keep: number): Promise<void>
  /**
   * Reads backups until one verifies.
   * @param from A backup's path. Default: each of the state's, newest first.
   * @throws FILE_UNUSABLE when `from` cannot be read; NO_GOOD_BACKUP, with the reason for each.
   */
  choose(state: string, from?: string): Promise<Backup>
  /**
   * The highest fencing token of the state's lock that the state or the backup has seen; 0 when neither can be read.
   */
  highestToken(state: string, backup: Backup): Promise<number>
  /**
   * Puts a backup in the place of a state, all or nothing. Open handles get STATE_REPLACED at their next call.
   * @param lock The state's lock, held: saves of earlier holders are refused from now on.
   * @throws LOCK_LOST; NO_SPACE.
   */
  restore(state: string, backup: Backup, lock: Lock): Promise<Restored>
}
