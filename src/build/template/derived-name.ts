import { randomId } from '../../base/index.ts'

const DERIVED_NAME = /^\.holdfast-(?<pid>\d+)-\w+(?:\.pkr\.hcl|\.json)$/

/** A hidden name for a run's template that is needed as long as process `pid` lives. */
export function derivedName(pid: number, suffix: string): string {
  return `.holdfast-${pid}-${randomId(10)}${suffix}`
}

export function isDerivedName(name: string): boolean {
  return DERIVED_NAME.test(name)
}

/** The process of such a name, or null for any other name. */
export function pidOfDerivedName(name: string): number | null {
  const pid = DERIVED_NAME.exec(name)?.groups?.['pid']
  return pid === undefined ? null : Number(pid)
}
