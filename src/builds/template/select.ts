import type { Template, TemplateSource } from './template.ts'
import { BuildError } from '../errors.ts'

/**
 * The sources that Packer would build with these `-only` and `-except`: globs of full names in HCL2 (`*` crosses
 * dots), whole names in JSON, in both comma-separated lists too.
 * @throws INVALID_REQUEST when a pattern of `only` matches nothing or is not a glob, or nothing is left.
 */
export function selectSources(
  template: Template,
  { only = [], except = [] }: { only?: readonly string[]; except?: readonly string[] },
): TemplateSource[] {
  const wanted = matchersOf(template, only)
  const unwanted = matchersOf(template, except)
  const have = template.sources.map((source) => source.fullName).join(', ')
  for (const { pattern, test } of wanted) {
    if (template.sources.some((source) => test(source.fullName))) continue
    throw new BuildError('INVALID_REQUEST', `-only=${pattern} matches no source of ${template.path}; it has: ${have}.`)
  }
  const selected = template.sources.filter(
    ({ fullName }) =>
      (wanted.length === 0 || wanted.some(({ test }) => test(fullName))) &&
      !unwanted.some(({ test }) => test(fullName)),
  )
  if (selected.length > 0) return selected
  throw new BuildError('INVALID_REQUEST', `-only and -except leave no source of ${template.path}; it has: ${have}.`)
}

/** The patterns of `-except` that match no source: they leave out post-processors. */
export function postProcessorsLeftOut(template: Template, except: readonly string[]): string[] {
  const others = matchersOf(template, except).filter(({ test }) => !template.sources.some((one) => test(one.fullName)))
  return others.map(({ pattern }) => pattern).toSorted()
}

function matchersOf(template: Template, patterns: readonly string[]) {
  return patterns
    .flatMap((pattern) => pattern.split(',').filter((one) => one !== ''))
    .map((pattern) => ({ pattern, test: template.format === 'json' ? exactly(pattern) : globTest(pattern) }))
}

function exactly(pattern: string): (name: string) => boolean {
  return (name) => name === pattern
}

/** Packer's globs (github.com/gobwas/glob without separators): `*`, `?`, `[a-c]`, `[!a-c]`, `\x`. */
function globTest(pattern: string): (name: string) => boolean {
  const parts = pattern.match(/\\.|\[!?[^\]]+\]|\*+|[^]/gu) ?? []
  const source = parts.map((part) => {
    if (part.startsWith('*')) return '.*'
    if (part === '?') return '.'
    // Packer splits at commas first, which leaves a lone brace, and ignores it.
    if (part === '{' || part === '}') return ''
    if (part === '[') throw new BuildError('INVALID_REQUEST', `The pattern ${pattern} has a '[' that is never closed.`)
    if (part.length > 1 && part.startsWith('[')) return classSource(part.slice(1, -1))
    return escapeAll(part.startsWith('\\') ? part.slice(1) : part)
  })
  const expression = new RegExp(`^${source.join('')}$`, 'su')
  return (name) => expression.test(name)
}

/** A range when it is of the form `a-c`, else a list of characters. */
function classSource(text: string): string {
  const negated = text.startsWith('!')
  const body = negated ? text.slice(1) : text
  const [from, to] = /^(.)-(.)$/su.exec(body)?.slice(1) ?? []
  const inner = from !== undefined && to !== undefined ? `${escapeAll(from)}-${escapeAll(to)}` : escapeAll(body)
  return `[${negated ? '^' : ''}${inner}]`
}

function escapeAll(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)
}

/** The source of that name, in the form that its template has it in. @throws NOT_FOUND. */
export function sourceOf<S extends { readonly fullName: string }>(
  sources: readonly S[],
  fullName: string,
  path: string,
): S {
  const source = sources.find((one) => one.fullName === fullName)
  if (source) return source
  const have = sources.map((one) => one.fullName).join(', ')
  throw new BuildError('NOT_FOUND', `${path} has no source ${fullName}; it has: ${have}.`)
}
