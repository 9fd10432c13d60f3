/**
 * Inputs that changed while the build ran: its result belongs neither to the old inputs nor to the new ones,
 * and must not be taken for either when the files are put back.
 */
import { HoldfastError } from '../base/index.ts'
import type { Build } from '../state/index.ts'
import { metadataOf } from './record.ts'
import type { SourceTerms } from './source-terms.ts'
import type { Fingerprint } from './template/index.ts'

type Hashes = Pick<Fingerprint, 'base' | 'steps' | 'final'>

/** Stands in the place of a hash, and equals none. */
const UNCERTAIN = 'changed while it was built'

/** @returns the first step that differs (their number: only what comes after them), or null when all is as it was. */
async function firstChange(before: Hashes, again: () => Promise<Hashes>): Promise<number | null> {
  const now = await again().catch((error: unknown): Hashes => {
    // A script that was used and then removed: the next build says so.
    if (error instanceof HoldfastError) return before
    throw error
  })
  if (now.final === before.final) return null
  if (now.base !== before.base) return 0
  const step = now.steps.findIndex((hash, index) => hash !== before.steps[index])
  return step === -1 ? before.steps.length : step
}

/**
 * A step that ran after its files had changed is not the step that was fingerprinted.
 * @param before What the run was recorded with.
 * @param build As it ended.
 * @returns the build as it is to be recorded.
 */
export async function distrustChanges(terms: SourceTerms, before: Hashes, build: Build): Promise<Build> {
  const { refingerprint, checkpoints, source, onNote, signals } = terms
  if (signals.kill.aborted) return build
  const step = await firstChange(before, refingerprint)
  if (step === null) return build
  checkpoints[source.builderType]?.retire(new Set(before.steps.slice(step)))
  const suspect = build.provisioners.slice(step).some(({ status }) => status === 'complete')
  if (!suspect && build.status !== 'complete') return build
  onNote('something that it refers to changed while it was built: the next build makes anew what may come of that')
  return withoutTrustFrom(step, build)
}

/** The record of a build that is made anew from that step on. */
function withoutTrustFrom(step: number, build: Build): Build {
  const metadata = metadataOf(build)
  if (!metadata) return build
  const { base, steps } = metadata.fingerprint
  const fingerprint = {
    base: step === 0 ? UNCERTAIN : base,
    steps: steps.map((hash, index) => (index < step ? hash : UNCERTAIN)),
    final: UNCERTAIN,
  }
  return { ...build, templateHash: UNCERTAIN, metadata: { ...metadata, fingerprint } }
}
