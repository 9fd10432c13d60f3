/**
 * Values of sensitive variables. Packer hides them in what it prints for people, but not in its machine-readable output
 * (seen with 1.6.6), so they are hidden here, before they reach a file: by a sed between Packer and its log.
 */
import { evaluateTemplate, type FingerprintOptions, type LoadedTemplate } from './template/index.ts'

/** Shorter lines of a longer secret say nothing, and hiding them would hide much else. */
const LEAST_LINE = 4

/** All that must not be shown: the texts in the values of the template's sensitive variables, the longest first. */
export async function sensitiveTexts(template: LoadedTemplate, options: FingerprintOptions): Promise<string[]> {
  const expressions = sensitiveVariables(template).map((name) =>
    template.format === 'json' ? `{{user \`${name}\`}}` : `var.${name}`,
  )
  if (expressions.length === 0) return []
  const values = await evaluateTemplate(template, options, expressions)
  const texts = values.flatMap((result) => ('value' in result ? textsIn(result.value) : []))
  const lines = texts.flatMap((text) => text.split(/\r?\n/)).filter((line) => line.length >= LEAST_LINE)
  return [...new Set([...texts, ...lines])].toSorted((a, b) => b.length - a.length)
}

/** Time, target and type of a machine-readable line. */
const HEAD = '[0-9]*,[^,]*,[^,]*,'

/**
 * A script for sed that hides these texts in Packer's machine-readable lines for people, and in lines of any other form. Heads
 * stay as they are, and so do lines for programs: the path of an artifact may well have `vagrant` in it.
 */
export function hidingScript(texts: readonly string[]): string {
  return [
    String.raw`/^[0-9]*,[^,]*,\(artifact\|artifact-count\|error-count\),/b`,
    // The whole line is put aside, its end is worked on, and then its head is put before it again.
    'h',
    `s/^${HEAD}//`,
    ...texts.map((text) => `s/${literal(escaped(text))}/<sensitive>/g`),
    'x',
    `/^${HEAD}/!s/.*//`,
    String.raw`s/^\(${HEAD}\).*/\1/`,
    'G',
    String.raw`s/\n//`,
    '',
  ].join('\n')
}

function sensitiveVariables(template: LoadedTemplate): readonly string[] {
  if (template.format === 'json') return template.document['sensitive-variables'] ?? []
  return template.files
    .flatMap((file) => file.body.blocks)
    .filter((block) => block.type === 'variable' && block.attributes.get('sensitive')?.expression.text === 'true')
    .map((block) => block.labels[0] ?? '')
}

/** Texts and numbers, however deep they lie. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (typeof value === 'number') return [String(value)]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** As Packer writes it into a field. */
function escaped(text: string): string {
  return text
    .replaceAll(',', '%!(PACKER_COMMA)')
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
}

/** Nothing in it means anything to sed. */
function literal(text: string): string {
  return text.replaceAll(/[\\/.*[\]^$]/g, String.raw`\$&`)
}
