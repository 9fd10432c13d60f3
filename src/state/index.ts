/** States of builds: versioned, checksummed, safe for any number of savers and readers at once. */
export type { BackupPolicy } from './backups.ts'
export {
  BUILD_STATUSES,
  MAX_NESTING,
  PROVISIONER_STATUSES,
  type Artifact,
  type Build,
  type BuildStatus,
  type Provisioner,
  type ProvisionerStatus,
} from './build.ts'
export type { BuildDiff, FieldDiff } from './diff.ts'
export { readDocument, type ImportedState } from './document.ts'
export type { Draft } from './draft.ts'
export type { Backup, BackupStore, Engine, OpenStateOptions, Restored } from './engine.ts'
export { ENGINE_NAMES, openEngine } from './engines.ts'
export { STATE_ERRORS, StaleStateError, StateDamagedError, type StateErrorCode } from './errors.ts'
export type { Json } from './json.ts'
export { createBuild, parseBuild } from './parse-build.ts'
export { registerStateMetrics, type StateMetrics } from './metrics.ts'
export { lockOfState } from './names.ts'
export { restoreState, type RestoreOptions } from './restore.ts'
export { StateManager } from './state-manager.ts'
export type { ReplaceOptions, StateLockOptions, StateManagerOptions, UpdateOptions } from './state-manager-options.ts'
export type {
  BuildEntry,
  Damage,
  Fence,
  SaveRecord,
  SaveRequest,
  SnapshotPage,
  StateHead,
  StateStore,
  StateStoreCapabilities,
  StoredBuild,
} from './state-store.ts'
export { statePath } from './sqlite/state-paths.ts'
export { State, STATE_VERSION } from './state.ts'
export { BUILD_TRANSITIONS, PROVISIONER_TRANSITIONS } from './transitions.ts'
