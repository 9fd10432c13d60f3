/**
 * The secrets of a build: values of sensitive variables and locals, and what the template computes from them. Packer
 * hides some of them in what it prints for people, and none in its machine-readable output. Holdfast hides all, or does
 * not begin.
 */
import { HoldfastError } from '../base/index.ts'
import type { Evaluated } from './packer.ts'
import { MIN_SECRET_LENGTH } from './secret-forms.ts'
import {
  evaluateTemplate,
  isGiven,
  secretsOf,
  type Derived,
  type FingerprintOptions,
  type LoadedTemplate,
  type Secret,
} from './template/index.ts'
import { BuildError } from './errors.ts'

/**
 * All that must not be shown.
 * @throws SECRET_NOT_HIDABLE when a value cannot be read before the build, or is too short to be hidden.
 */
export async function readSecrets(template: LoadedTemplate, options: FingerprintOptions): Promise<string[]> {
  const { marked, derived } = secretsOf(template)
  const secrets: Secret[] = []
  for (const secret of marked) if (await isGiven(template, secret.name, options)) secrets.push(secret)
  if (secrets.length === 0) return []
  const evaluate = (expressions: readonly string[]) => evaluateTemplate(template, options, expressions)
  const values = await evaluate(secrets.map(({ expression }) => expression))
  const short = await shortAmong(template, secrets, values, evaluate)
  const leaves = secrets.flatMap(({ name }, index) => leavesOf(name, values[index], short.has(name)))
  const all = [...leaves, ...(await derivedLeaves(derived, evaluate))]
  const faults = all.flatMap((leaf) => ('fault' in leaf ? [leaf.fault] : []))
  if (faults.length > 0) throw notHidable(template, faults)
  return [...new Set(all.flatMap((leaf) => ('text' in leaf ? [leaf.text] : [])))]
}

type Evaluate = (expressions: readonly string[]) => Promise<Evaluated[]>
type Leaf = { readonly text: string } | { readonly fault: string }

/**
 * What a template computes from secrets. Results that are too short say little. What only a run can compute is a fault
 * where it would not have its secrets in it; within a loop that was computed as a whole it is known.
 */
async function derivedLeaves(derived: readonly Derived[], evaluate: Evaluate): Promise<Leaf[]> {
  const expressions = [...new Set(derived.flatMap(({ expression }) => expression ?? []))]
  const values = expressions.length === 0 ? [] : await evaluate(expressions)
  const results = new Map(expressions.map((expression, index) => [expression, values[index]]))
  const resultOf = ({ expression }: Derived) => (expression === null ? undefined : results.get(expression))
  const isKnown = (one: Derived) => 'value' in (resultOf(one) ?? {})
  const known = derived.filter(isKnown)
  const unknown = derived.filter((one) => one.isOpaque && !isKnown(one))
  const faults = unknown
    .filter(({ text }) => !known.some((one) => one.text.includes(text)))
    .map(({ text }) => ({
      fault: `${text.split('\n')[0]} is computed from a secret and cannot be read before the build`,
    }))
  const leaves = known.flatMap((one) => leavesOf('', resultOf(one), false))
  return [...leaves.filter((leaf) => 'text' in leaf), ...faults]
}

/**
 * Packer itself replaces a secret of one character in all that its console says, which leaves nothing readable, of
 * other secrets neither. Whether a text is short can be asked with an answer of one word.
 */
async function shortAmong(
  { format }: LoadedTemplate,
  secrets: readonly Secret[],
  values: readonly Evaluated[],
  evaluate: Evaluate,
): Promise<ReadonlySet<string>> {
  const isReadable = values.every((value) => 'value' in value)
  if (isReadable || format === 'json') return new Set()
  const pattern = `^.{1,${MIN_SECRET_LENGTH - 1}}$`
  const question = ({ expression }: Secret) => `regex_replace("\${${expression}}", "${pattern}", "") == ""`
  const answers = await evaluate(secrets.map(question))
  const isShort = (answer: Evaluated | undefined) => answer !== undefined && 'value' in answer && answer.value === true
  return new Set(secrets.filter((_, index) => isShort(answers[index])).map(({ name }) => name))
}

function leavesOf(name: string, result: Evaluated | undefined, isShort: boolean): Leaf[] {
  if (isShort) return [{ fault: tooShort(name) }]
  if (result === undefined) return [{ fault: `${name} cannot be read: Packer gave no answer` }]
  if ('error' in result) return [{ fault: `${name} cannot be read: ${result.error}` }]
  return leavesIn(name, result.value)
}

/** Texts, numbers and truth values, however deep they lie. */
function leavesIn(name: string, value: unknown): Leaf[] {
  if (value === null || value === '') return []
  if (typeof value === 'boolean') return [{ fault: `${name} is true or false, which cannot be hidden` }]
  if (typeof value === 'object') {
    const separator = Array.isArray(value) ? (key: string) => `[${key}]` : (key: string) => `.${key}`
    return Object.entries(value).flatMap(([key, one]) => leavesIn(`${name}${separator(key)}`, one))
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.trim().length < MIN_SECRET_LENGTH ? [{ fault: tooShort(name) }] : [{ text }]
}

function tooShort(name: string): string {
  return `${name} has fewer than ${MIN_SECRET_LENGTH} characters, too few to be hidden`
}

function notHidable(template: LoadedTemplate, faults: readonly string[]): HoldfastError {
  // With a short one known, all others are unreadable because of it.
  const telling = faults.filter((fault) => !fault.includes('cannot be read'))
  const message = `The build of ${template.path} does not start: ${(telling.length > 0 ? telling : faults).join('; ')}.`
  return new BuildError('SECRET_NOT_HIDABLE', message, {
    hint:
      `Give it a value of at least ${MIN_SECRET_LENGTH} characters that is known before the build; ` +
      'or, if it is not a secret, remove its "sensitive".',
  })
}
