import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { messageOf, systemErrorCode } from '../../base/index.ts'
import type { PackerInput } from '../packer.ts'
import type { DerivedText } from './derive.ts'
import { hclString, literalString, parseHcl, type HclBlock } from './hcl/parser.ts'
import type { LoadedTemplate } from './load.ts'
import { BuildError } from '../errors.ts'

/**
 * Sees to it that every required variable is given: Packer's console takes a missing one for an empty one, or crashes.
 * @param required names of variables without a default.
 * @throws TEMPLATE_INVALID with the missing ones' names; NOT_FOUND when a file of variables is missing.
 */
export async function requireVariables(
  template: LoadedTemplate,
  required: readonly string[],
  input: PackerInput,
): Promise<void> {
  if (required.length === 0) return
  const given = new Set((await givenValues(template, input)).map(({ name }) => name))
  const missing = required.filter((name) => !given.has(name))
  if (missing.length === 0) return
  const hint = 'Give it with -var name=value or in a -var-file, in HCL2 also as PKR_VAR_name in the environment.'
  throw new BuildError('TEMPLATE_INVALID', `${template.path} needs a value for: ${missing.join(', ')}.`, { hint })
}

/**
 * Whether `var.NAME` or `local.NAME` has a value at all: a variable without one is never used, or Packer refuses the
 * template.
 */
export async function isGiven(template: LoadedTemplate, name: string, input: PackerInput): Promise<boolean> {
  const [root, own = ''] = name.split('.')
  if (root !== 'var') return true
  const hasDefault =
    template.format === 'json'
      ? (template.document.variables?.[own] ?? null) !== null
      : variableBlock(template, own)?.attributes.has('default') === true
  return hasDefault || (await givenValues(template, input)).some((given) => given.name === own)
}

/** The texts that were given for these variables: on the command line, in the environment, in files. */
export async function givenTexts(
  template: LoadedTemplate,
  names: ReadonlySet<string>,
  input: PackerInput,
): Promise<string[]> {
  if (names.size === 0) return []
  const values = await givenValues(template, input)
  return values.flatMap(({ name, text }) => (names.has(name) && text !== null ? [text] : []))
}

/**
 * A file of variables with what was given as `name=value`, which Packer takes for the same.
 * @throws TEMPLATE_INVALID, without the value, when it is not an expression although its type needs one.
 */
export async function variablesFile(
  template: LoadedTemplate,
  vars: readonly string[],
): Promise<Pick<DerivedText, 'text' | 'suffix'>> {
  const pairs = vars.map(split)
  // Packer takes the last of several.
  const last = new Map(pairs.map(({ name, text }) => [name, text]))
  if (template.format === 'json') return { text: JSON.stringify(Object.fromEntries(last)), suffix: '.json' }
  const lines: string[] = []
  for (const [name, text] of last) {
    const isExpression = isReadAsExpression(variableBlock(template, name))
    const line = `${name} = ${isExpression ? text : hclString(text)}\n`
    await parseHcl(name, line).catch(() => {
      const message = `The value given for the sensitive variable "${name}" is not a value of its type.`
      throw new BuildError('TEMPLATE_INVALID', message, { hint: `For a list: -var '${name}=["...", "..."]'` })
    })
    lines.push(line)
  }
  return { text: lines.join(''), suffix: '.pkr.hcl' }
}

/** Packer takes what is given for a text or a number as it stands, and for every other type as an expression. */
function isReadAsExpression(block: HclBlock | undefined): boolean {
  const type = block?.attributes.get('type')?.expression.text
  if (type !== undefined) return !['string', 'number', 'any'].includes(type)
  return /^(?:[[{]|true$|false$)/.test(block?.attributes.get('default')?.expression.text ?? '')
}

function variableBlock(template: LoadedTemplate, name: string): HclBlock | undefined {
  if (template.format === 'json') return undefined
  const blocks = template.files.flatMap((file) => file.body.blocks)
  return blocks.find((block) => block.type === 'variable' && block.labels[0] === name)
}

interface GivenValue {
  readonly name: string
  /** null: only Packer can read it. */
  readonly text: string | null
}

async function givenValues(template: LoadedTemplate, input: PackerInput): Promise<GivenValue[]> {
  const given = input.vars.map(split)
  if (template.format === 'hcl2') {
    for (const [name, text = ''] of Object.entries(input.env)) {
      if (name.startsWith('PKR_VAR_')) given.push({ name: name.slice('PKR_VAR_'.length), text })
    }
  }
  const auto = template.format === 'hcl2' ? template.autoVarFiles : []
  const values: GivenValue[] = [...given]
  for (const file of [...auto, ...input.varFiles]) values.push(...(await valuesIn(resolve(input.cwd, file))))
  return values
}

function split(given: string): { name: string; text: string } {
  const at = given.indexOf('=')
  return at < 0 ? { name: given, text: '' } : { name: given.slice(0, at), text: given.slice(at + 1) }
}

async function valuesIn(path: string): Promise<GivenValue[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const what = systemErrorCode(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${messageOf(error)}`
    throw new BuildError('NOT_FOUND', `The file of variables ${path} ${what}.`, { cause: error })
  })
  if (!path.endsWith('.json')) {
    const { attributes } = (await parseHcl(path, text)).body
    return [...attributes.values()].map(({ name, expression }) => ({ name, text: literalString(expression) }))
  }
  try {
    const values = Object.entries(JSON.parse(text) as object) as [string, unknown][]
    return values.map(([name, value]) => ({ name, text: typeof value === 'string' ? value : null }))
  } catch (error) {
    throw new BuildError('TEMPLATE_INVALID', `${path} is not JSON: ${messageOf(error)}.`, { cause: error })
  }
}
