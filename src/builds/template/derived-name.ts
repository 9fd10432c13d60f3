import { IDENTITY_NAME, identityName, randomId, type ProcessIdentity } from '../../base/index.ts'

const DERIVED_NAME = new RegExp(String.raw`^\.holdfast-(?<owner>${IDENTITY_NAME})-\w+(?:\.pkr\.hcl|\.json)$`)

/** A hidden name for a run's template that is needed as long as its owner lives. */
export function derivedName(owner: ProcessIdentity, suffix: string): string {
  return `.holdfast-${identityName(owner)}-${randomId(10)}${suffix}`
}

export function isDerivedName(name: string): boolean {
  return DERIVED_NAME.test(name)
}

/** The owner's part of such a name (see `livenessOfName`), or null for any other name. */
export function ownerOfDerivedName(name: string): string | null {
  return DERIVED_NAME.exec(name)?.groups?.['owner'] ?? null
}
