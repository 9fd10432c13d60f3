/** States of builds: versioned, checksummed, safe for any number of savers and readers at once. */
export { lockOfState, STATE_BACKENDS, statePath, type StateBackend } from './backends.ts'
export { backupFolder, listBackups, type Backup } from './backup-files.ts'
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
export { StaleStateError, StateDamagedError } from './errors.ts'
export type { Json } from './json.ts'
export { createBuild, parseBuild } from './parse-build.ts'
export { registerStateMetrics, type StateMetrics } from './metrics.ts'
export { restoreState, type Restored, type RestoreOptions } from './restore.ts'
export {
  StateManager,
  type ReplaceOptions,
  type StateLockOptions,
  type StateManagerOptions,
  type UpdateOptions,
} from './state-manager.ts'
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
export { State, STATE_VERSION } from './state.ts'
export { BUILD_TRANSITIONS, PROVISIONER_TRANSITIONS } from './transitions.ts'
