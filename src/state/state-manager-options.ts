/** What callers of `StateManager` may ask for. */
import type { Log, Metrics } from '../base/index.ts'
import type { AcquireOptions, Lock } from '../lock/index.ts'
import type { BackupPolicy } from './backups.ts'
import type { ImportedState } from './document.ts'

export interface StateManagerOptions {
  /** Which state of the engine. Default `default`. */
  name?: string
  /** Refuse to make the state when there is none. Default false. */
  mustExist?: boolean
  /** Old serials that are kept for history, diff and rollback. Default 100. */
  keepSerials?: number
  /** Automatic backups; false: none. Default: hourly at most, when there was a save, 10 kept. */
  backups?: BackupPolicy | false
  /** Restore the newest good backup when the state is found damaged at open. Default false. */
  autoRestore?: boolean
  log?: Log
  /** As `LockManagerOptions.within`. */
  within?: readonly string[]
  /** Where to register the metrics of the state and of its locks. Default: they are not counted. */
  metrics?: Metrics
}

export interface UpdateOptions {
  /** What the save is for, shown in the history. Default `update`. */
  operation?: string
  /** How long to wait for the state's lock, ms. Default 60,000. `Infinity`: as long as it takes. */
  waitMs?: number
  /** Ends the wait. Has no effect once the commit has begun. */
  signal?: AbortSignal
  /**
   * A lock that `StateManager.lock` gave: the save is refused when it is lost. With the lock of the whole state the
   * save does not wait; without it the manager takes that lock for the save, and keeps it for others that follow until
   * a caller waits.
   */
  lock?: Lock
}

export interface ReplaceOptions {
  /** Whether builds that are not given stay. Default false. */
  keepOthers?: boolean
  /** The document that the builds come from: then it must be of this state and no older. Default: it may be any. */
  from?: Pick<ImportedState, 'lineage' | 'serial'>
}

export type StateLockOptions = Omit<AcquireOptions, 'tokenAbove' | 'isDetached'> & {
  /** A part of the state that is locked by itself: a build's name, say. Default: the whole state. */
  scope?: string
}
