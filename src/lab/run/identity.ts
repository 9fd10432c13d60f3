/** What exactly is measured, and where: a resumed run must not mix two of either. */
import { HoldfastError } from '../../base/index.ts'
import type { MachineDriver } from '../machines/machine.ts'
import { programFiles } from '../machines/program-files.ts'
import type { CellResult, Environment } from '../results/result.ts'
import type { PreparedTarget } from '../targets/target.ts'
import { LabError } from '../errors.ts'

export type Identity = Pick<CellResult['target'], 'version' | 'digest'>

export const UNKNOWN: Identity = { version: '', digest: null }
const DIGEST_LENGTH = 12

/** Unknown is an empty version and a null digest, as of a server that the machine has installed itself. */
export function identityOf({ version, program, start }: PreparedTarget, driver: MachineDriver): Identity {
  if (start && !driver.bringsProgram) return UNKNOWN
  return { version, digest: program && programFiles(program).digest.slice(0, DIGEST_LENGTH) }
}

/** @throws LAB_RUN_UNUSABLE when what an earlier part of the run measured, or measured on, has changed since. */
export function checkUnchanged(
  earlier: readonly CellResult[],
  identities: ReadonlyMap<string, Identity>,
  host: Environment,
): void {
  for (const { target, environment } of earlier) {
    const now = identities.get(target.name)
    if (now && describe(now) !== describe(target)) throw changed(target.name, describe(target), describe(now))
    for (const key of ['cpu', 'cpus', 'kernel'] as const) {
      if (environment[key] !== host[key]) throw changed(`this host's ${key}`, environment[key], host[key])
    }
  }
}

function describe({ version, digest }: Identity): string {
  return [version, digest].filter(Boolean).join(' ') || 'unknown'
}

function changed(what: string, before: string | number, now: string | number): HoldfastError {
  return new LabError('LAB_RUN_UNUSABLE', `${what} has changed since this run began: ${before}, now ${now}`, {
    hint: 'Its figures would be of two things. Start a new run; holdfast compare can set it against this one.',
  })
}
