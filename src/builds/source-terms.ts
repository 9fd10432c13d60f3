/** The terms that all sources of one `holdfast build` share, and each source's own. */
import { resolve } from 'node:path'
import type { Build } from '../state/index.ts'
import type { AttemptSignals } from './attempt.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Invocation } from './invocation.ts'
import type { ManifestTerms } from './manifest/run-manifests.ts'
import type { Packer, PackerInput } from './packer.ts'
import type { ResumeMode } from './plan.ts'
import type { Recorder } from './recorder.ts'
import type { Fingerprint, LoadedTemplate, TemplateSource } from './template/index.ts'

export interface OperationTerms {
  readonly packer: Packer
  readonly template: LoadedTemplate
  readonly input: PackerInput
  readonly invocation: Invocation
  /** `<data>/builds/<state>`. */
  readonly runs: string
  readonly runId: string
  readonly resume: ResumeMode
  readonly force: boolean
  readonly keepOnFailure: boolean
  /** Passed on to Packer, which skips post-processors by it. */
  readonly except: readonly string[]
  readonly retries: number
  readonly retryDelayMs: number
  readonly checkpoints: Checkpoints
  readonly manifests: ManifestTerms
  /** Hidden in Packer's log, and so in all that is made of it. */
  readonly secrets: readonly string[]
  readonly signals: AttemptSignals
}

export interface SourceTerms extends OperationTerms {
  readonly source: TemplateSource
  readonly fingerprint: Fingerprint
  /** The fingerprint as it is now. */
  readonly refingerprint: () => Promise<Fingerprint>
  readonly recorder: Recorder
  /** As it is in the state, or null when it is not there. */
  readonly recorded: Build | null
  readonly onNote: (text: string) => void
  /** A line of Packer's. */
  readonly onLine: (text: string) => void
}

/** The template as the record names it. Absolute. */
export function templatePath(template: LoadedTemplate): string {
  return resolve(template.path)
}
