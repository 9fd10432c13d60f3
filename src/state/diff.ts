/** What differs between two versions of a state, field by field. */
import type { Build } from './build.ts'
import { isSameJson } from './json.ts'

export interface FieldDiff {
  /** Dotted: `provisioners.0.status`. */
  field: string
  /** undefined where the field is missing. */
  from: unknown
  to: unknown
}

export interface BuildDiff {
  name: string
  change: 'added' | 'removed' | 'changed'
  fields: FieldDiff[]
}

/** @returns null when the two say the same. */
export function diffBuilds(name: string, from: Build | null, to: Build | null): BuildDiff | null {
  if (!from && !to) return null
  if (!from) return { name, change: 'added', fields: [] }
  if (!to) return { name, change: 'removed', fields: [] }
  const fields = diffFields('', from, to)
  return fields.length > 0 ? { name, change: 'changed', fields } : null
}

function diffFields(path: string, from: unknown, to: unknown): FieldDiff[] {
  if (isSameJson(from, to)) return []
  if (!isContainer(from) || !isContainer(to)) return [{ field: path, from, to }]
  const keys = new Set([...Object.keys(from), ...Object.keys(to)])
  return [...keys].flatMap((key) => diffFields(path ? `${path}.${key}` : key, from[key], to[key]))
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
