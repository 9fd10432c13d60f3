/**
 * The port for one state: versions of builds by name, under a serial that grows by one a save. Drivers stand in folders
 * beside this file; `test/state/conformance.ts` holds them to it. A store keeps texts: what a build is, who may save
 * when, and what is cached are the manager's business.
 */
import type { LockFence } from '../lock/index.ts'

/** Where the state stands. */
export interface StateHead {
  /** Fixed when the state is made; a state with another lineage is another state. */
  lineage: string
  /** 0 before the first save. */
  serial: number
  buildCount: number
}

export interface StoredBuild {
  name: string
  /** The save that wrote this version. */
  serial: number
  /** JSON text. */
  body: string
}

export interface SnapshotPage {
  /** The same on every page. */
  head: StateHead
  builds: readonly StoredBuild[]
}

/** What can be known of a build without reading it. */
export interface BuildEntry {
  name: string
  status: string
  serial: number
}

/** Proof that the saver holds a lock: refused if the store has seen a greater token of that lock. */
export type Fence = LockFence

export interface SaveRequest {
  /** Names the save, so that one whose answer was lost can be asked for again. */
  id: string
  put: readonly { name: string; status: string; body: string }[]
  remove: readonly string[]
  /** Milliseconds since 1970. */
  at: number
  who: string
  operation: string
}

export interface SaveRecord extends Pick<SaveRequest, 'id' | 'at' | 'who' | 'operation'> {
  serial: number
  buildCount: number
  /** Names that it wrote or removed. */
  changed: readonly string[]
}

export interface Damage {
  /** `file`, `save 12`, `build web`, `pack 7`, ... */
  what: string
  problem: string
}

export interface StateStoreCapabilities {
  /** Longest JSON text of one build, bytes of UTF-8. `StateManager` refuses longer ones. */
  maxBuildBytes: number
}

/**
 * All methods may be called at the same time, by any number of handles in any number of processes. Every read sees the
 * state as one save left it. Transient failures of the engine are retried within.
 * All throw STATE_DAMAGED when they meet damage, and STATE_REPLACED once the state was restored under the handle.
 */
export interface StateStore {
  readonly capabilities: StateStoreCapabilities
  /** Where it is kept, for messages. */
  readonly location: string
  head(): Promise<StateHead>
  /** A build's newest version, or null. */
  get(name: string): Promise<StoredBuild | null>
  /** All builds as one save left them, in pages, in no order that means anything. Saves go on meanwhile. */
  snapshot(): AsyncIterable<SnapshotPage>
  /** Entries by name in code-unit order, after the name `after`. */
  list(options: { after?: string; limit: number; status?: string }): Promise<BuildEntry[]>
  /** Names that saves after `serial` changed, or null when the store no longer knows. */
  changedSince(serial: number): Promise<Set<string> | null>
  /**
   * Where the state stands, and the builds that were saved after `serial` and still exist. A reader with all builds of
   * then puts these in and sees from the count whether others are gone. Null when the store no longer knows, or when
   * they are more than `limit`.
   */
  changesSince(serial: number, limit: number): Promise<{ head: StateHead; builds: readonly StoredBuild[] } | null>
  /**
   * Makes the saves, one serial each, all or none; durable when it resolves. Repeating a chain gives the same answer.
   * @throws STALE_STATE when the state is not at `base`; LOCK_LOST when a fence is too old; NO_SPACE.
   */
  save(base: number, chain: readonly SaveRequest[], fences: readonly Fence[]): Promise<StateHead>
  /**
   * Refuses all smaller tokens of that lock from now on; durable when it resolves.
   * @throws LOCK_LOST when it is too old.
   */
  raiseFence(fence: Fence): Promise<void>
  /** The highest token of that lock that the store has seen, or 0. */
  fenceOf(lock: string): Promise<number>
  /** The saves that are kept, newest first. */
  history(options: { limit: number; build?: string }): Promise<SaveRecord[]>
  /**
   * The versions that these builds had at a serial, by name, of one moment; missing builds have no entry.
   * Takes a look through the saves since then, however many names there are.
   * @throws NO_SUCH_SERIAL when that is not kept.
   */
  getAt(serial: number, names: readonly string[]): Promise<Map<string, StoredBuild>>
  /**
   * Reads everything and compares it with its checksums.
   * @returns what is damaged, in words; nothing when all is well.
   */
  verify(): Promise<Damage[]>
  /**
   * Removes what is kept for no serial any more and packs the rest. In steps short enough for the event loop.
   * @param isAtRest Whether to give back too what only further saves would need.
   */
  compact(isAtRest: boolean): Promise<void>
  /** Bytes that the state takes. */
  sizeBytes(): Promise<number>
  /** Idempotent. */
  close(): Promise<void>
}
