/** What an API token may do. Manage implies the others, and is all that the owner may. */
export const SCOPES = ['upload', 'read', 'manage'] as const
export type Scope = (typeof SCOPES)[number]

export function allows(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.includes('manage') || scopes.includes(needed)
}

/** @param stored names with blanks between; unknown ones, of a newer Holdfast, allow nothing. */
export function parseScopes(stored: string): Scope[] {
  return SCOPES.filter((scope) => stored.split(' ').includes(scope))
}
