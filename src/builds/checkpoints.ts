/** The seam between a build and what can go on from a saved machine. A builder type without one starts over. */
import type { RunFolder } from './run-folder.ts'
import type { DeriveOptions } from './template/index.ts'

/** In the output of a step: it leaves no checkpoint, and why. Worth a note, and nothing that a build depends on. */
export const NO_CHECKPOINT = /kept no layer after provisioner .*/

/** A provisioner as checkpoints know it. */
export interface CheckpointStep {
  /** Of `Fingerprint.steps`: the hash of all that led to its end. */
  readonly key: string
  readonly name: string
}

export interface CheckpointStore {
  /**
   * The image that was left after the last of these steps that left one.
   * @param onNote is told of a checkpoint that was damaged and removed.
   * @returns `from`: the first provisioner that is not in the image. null: there is none.
   */
  newest(
    steps: readonly CheckpointStep[],
    onNote: (text: string) => void,
  ): Promise<{ from: number; baseImage: string } | null>
  /**
   * Prepares a run whose steps leave checkpoints.
   * @param baseImage from `newest`: the run begins with it, and never writes to it. Absent: the run begins with
   * nothing, and
   *   what earlier ones left of the same steps is not used any more.
   * @returns what the run's derived template needs.
   * @throws LAYER_FAILED when the image has been removed meanwhile.
   */
  prepare(
    run: RunFolder,
    steps: readonly CheckpointStep[],
    baseImage?: string,
  ): Promise<NonNullable<DeriveOptions['qemu']>>
  /** Has what was left after the steps with these keys used no more. */
  retire(keys: ReadonlySet<string>): void
  /**
   * Removes those whose keys are not among these.
   * @returns the files, and their bytes; with `isDry` without removing them.
   */
  prune(keys: ReadonlySet<string>, isDry: boolean): { paths: readonly string[]; sizeBytes: number }
}

/** By builder type: `qemu`. */
export type Checkpoints = Readonly<Record<string, CheckpointStore>>
