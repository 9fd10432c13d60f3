/** The seam between a build and what can go on from a saved machine. A builder type without one starts over. */
import type { RunFolder } from './run-folder.ts'
import type { DeriveOptions } from './template/index.ts'

export interface CheckpointStore {
  /**
   * The image that was left after the last of these steps that left one.
   * @param steps `Fingerprint.steps`: the key of each.
   * @returns `from`: the first provisioner that is not in the image. null: there is none.
   */
  newest(steps: readonly string[]): Promise<{ from: number; baseImage: string } | null>
  /** What a run's derived template needs so that its steps leave checkpoints. */
  deriveOptions(run: RunFolder, steps: readonly string[], baseImage?: string): NonNullable<DeriveOptions['qemu']>
  /** Removes those whose keys are not among these. @returns the files, and their bytes; with `isDry` without removing them. */
  prune(keys: ReadonlySet<string>, isDry: boolean): Promise<{ paths: readonly string[]; sizeBytes: number }>
}

/** By builder type: `qemu`. */
export type Checkpoints = Readonly<Record<string, CheckpointStore>>
