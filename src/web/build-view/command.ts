import type { Build } from '../types.ts'

const DEFAULT_STATE = 'default'

/** What to type to go on with a build; `null` when its template is not known. */
export function goOnCommand({ template, state, source }: Pick<Build, 'template' | 'state' | 'source'>): string | null {
  if (template === null) return null
  const options = state === DEFAULT_STATE ? '' : ` --state ${quote(state)}`
  return `holdfast build${options} ${quote(template)} --only ${quote(source)}`
}

/** As a POSIX shell takes it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
