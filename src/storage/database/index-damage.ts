/** An index that leads to another row than it was asked for: a single bit can do that, and SQLite does not notice. */
export class IndexDamage extends Error {}

/**
 * What a lookup by name found, or null when it found nothing.
 * @param what It is a row of: `build`. @throws IndexDamage when it is another one's.
 */
export function rowOf<Row extends { name: string }>(what: string, name: string, row: Row | undefined): Row | null {
  if (!row) return null
  if (row.name !== name) throw new IndexDamage(`the index leads from the ${what} ${name} to ${row.name}`)
  return row
}
