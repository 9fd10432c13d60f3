/** What a source of a legacy JSON template is made from. */
import {
  namesInputFiles,
  requiresFile,
  type FileMention,
  type Ingredients,
  type SourceIngredients,
} from '../ingredients.ts'
import type { JsonPlugin, JsonSource } from './json-template.ts'

export function jsonIngredients(source: JsonSource): SourceIngredients {
  return {
    base: ingredientsOf(`builder ${source.fullName}`, source.builder),
    steps: source.provisioners.map(({ name, body }) => {
      const { override, ...rest } = body
      return ingredientsOf(`provisioner "${name}"`, { ...rest, ...override?.[source.fullName] })
    }),
    rest: ingredientsOf(`post-processors of ${source.fullName}`, source.chains),
  }
}

function ingredientsOf(where: string, value: unknown): Ingredients {
  const actions = stringsOf(value).flatMap((text) => text.match(/\{\{.*?\}\}/gs) ?? [])
  const variables = actions.flatMap((action) => [...action.matchAll(/\buser\s+(?:`([^`]*)`|"([^"]*)")/g)])
  return {
    tokens: [canonical(value)],
    variables: [...new Set(variables.map(([, raw, quoted]) => raw ?? quoted ?? ''))].toSorted(),
    values: [],
    files: mentionsOf(where, value),
    unknown: actions
      .filter((action) => /\{\{-?\s*build\s/.test(action))
      .map((action) => `${where} uses ${action}, which is only known during a run.`),
  }
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : []
}

/** The same text for the same value, in whatever order its keys were written. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
}

function mentionsOf(where: string, value: unknown): FileMention[] {
  if (typeof value !== 'object' || value === null) return []
  // A file provisioner that downloads has its source on the machine.
  const downloads = (value as JsonPlugin)['direction'] === 'download'
  return Object.entries(value).flatMap(([name, one]: [string, unknown]): FileMention[] => {
    const paths = stringsOf(one)
    if (Array.isArray(value) || !namesInputFiles(name) || typeof one === 'boolean') return mentionsOf(where, one)
    if (downloads && name.startsWith('source')) return []
    return paths.map((path) => ({
      where: `${where}, ${name}`,
      paths: path.includes('{{') ? { expression: path } : [path],
      from: 'cwd',
      required: requiresFile(name),
    }))
  })
}
