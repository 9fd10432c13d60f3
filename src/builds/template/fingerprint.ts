/**
 * What a build is made from, as a chain of hashes: a comment changes nothing, a variable that only the fifth
 * provisioner uses changes nothing before it, another source's block never matters.
 */
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HoldfastError } from '../../base/index.ts'
import { evaluateHcl, renderJson, type Evaluated, type Packer, type PackerInput } from '../packer.ts'
import { DerivedFile } from './derive.ts'
import { FileHasher, sha256 } from './file-hasher.ts'
import { requireVariables } from './given-variables.ts'
import type { HclTemplate } from './hcl/hcl-template.ts'
import { hclIngredients } from './hcl/ingredients-hcl.ts'
import type { FileMention, Ingredients, SourceIngredients } from './ingredients.ts'
import { jsonIngredients } from './json/ingredients-json.ts'
import type { LoadedTemplate } from './load.ts'
import { findPlugins } from './plugins.ts'
import { postProcessorsLeftOut, sourceOf } from './select.ts'
import type { Fingerprint, TemplateSource } from './template.ts'
import { BuildError } from '../errors.ts'

export interface FingerprintOptions extends PackerInput {
  readonly packer: Packer
  /** Where hashes of big files are kept between runs; see {@link FileHasher}. */
  readonly hashMemoryFile: string
  /** As Packer's `-except`, which leaves out post-processors too. */
  readonly except?: readonly string[]
}

/**
 * @throws TEMPLATE_INVALID when a script is missing or a variable has no value, with Packer's words where they are
 * its; PACKER_FAILED.
 */
export async function fingerprintSource(
  template: LoadedTemplate,
  source: TemplateSource,
  options: FingerprintOptions,
): Promise<Fingerprint> {
  const hasher = new FileHasher(options.hashMemoryFile)
  const parts = ingredientsOf(template, source.fullName)
  const all = [parts.base, ...parts.steps, parts.rest]
  const evaluated = await evaluateAll(template, options, all)
  const unknown: string[] = []
  const digest = (ingredients: Ingredients) => digestOf(ingredients, { template, options, evaluated, hasher, unknown })

  const plugins = await findPlugins(options.packer, options, typesOf(template, source.fullName))
  const pluginHashes: string[] = []
  for (const path of plugins) pluginHashes.push((await hasher.hash(path)) ?? 'gone')
  const base = chain([
    options.packer.version,
    source.fullName,
    source.builderType,
    ...pluginHashes,
    await digest(parts.base),
  ])
  const steps: string[] = []
  let certainSteps = 0
  for (const step of parts.steps) {
    steps.push(chain([steps.at(-1) ?? base, await digest(step)]))
    if (unknown.length === 0) certainSteps += 1
  }
  const leftOut = postProcessorsLeftOut(template, options.except ?? [])
  const final = chain([steps.at(-1) ?? base, await digest(parts.rest), ...leftOut])
  await hasher.save()
  return { base, steps, certainSteps, final, files: hasher.files, unknown: [...new Set(unknown)] }
}

function ingredientsOf(template: LoadedTemplate, fullName: string): SourceIngredients {
  return template.format === 'json'
    ? jsonIngredients(sourceOf(template.sources, fullName, template.path))
    : hclIngredients(template, sourceOf(template.sources, fullName, template.path))
}

function typesOf(template: LoadedTemplate, fullName: string): string[] {
  const source = sourceOf<(typeof template.sources)[number]>(template.sources, fullName, template.path)
  const postProcessors = source.chains.flatMap((one) =>
    'postProcessors' in one ? one.postProcessors.map(({ labels }) => labels[0] ?? '') : one.map(({ type }) => type),
  )
  return [source.builderType, ...source.provisioners.map(({ type }) => type), ...postProcessors]
}

/** What Packer says to each expression. Variables are there as hashes, so that a secret never is. */
async function evaluateAll(
  template: LoadedTemplate,
  options: FingerprintOptions,
  all: readonly Ingredients[],
): Promise<ReadonlyMap<string, Evaluated>> {
  const ofPaths = all.flatMap(({ files }) =>
    files.flatMap(({ paths }) => ('expression' in paths ? [paths.expression] : [])),
  )
  const ofVariables = all.flatMap(({ variables }) => variables.map((name) => variableExpression(template, name)))
  const expressions = [...new Set([...ofVariables, ...all.flatMap(({ values }) => values), ...ofPaths])]
  await requireVariables(template, requiredVariables(template, all), options)
  const results = expressions.length === 0 ? [] : await evaluateTemplate(template, options, expressions)
  return new Map(expressions.map((expression, index) => [expression, results[index] ?? NO_ANSWER]))
}

/** What Packer makes of expressions (HCL2) or texts with `{{...}}` (JSON) in the template, in their order. */
export async function evaluateTemplate(
  template: LoadedTemplate,
  options: FingerprintOptions,
  expressions: readonly string[],
): Promise<Evaluated[]> {
  const path = resolve(template.path)
  if (template.format === 'json') return renderJson(options.packer, path, options, expressions)
  if (path !== template.folder) return evaluateHcl(options.packer, path, options, expressions)
  await using whole = await wholeFolder(template)
  const varFiles = [...template.autoVarFiles, ...options.varFiles]
  return await evaluateHcl(options.packer, whole.path, { ...options, varFiles }, expressions)
}

/**
 * A folder's templates in one file: in the folder itself Packer would also read the derived templates of runs, and
 * find everything twice.
 */
export async function wholeFolder({ files, folder }: HclTemplate): Promise<DerivedFile> {
  const text = files.map((file) => file.text.replace(/^\uFEFF/, '')).join('\n')
  return DerivedFile.write(folder, { text, suffix: '.pkr.hcl' })
}

function variableExpression({ format }: LoadedTemplate, name: string): string {
  return format === 'json' ? `{{user \`${name}\`}}` : `sha256(jsonencode([var.${name}]))`
}

/** The variables without a default: of those in use in HCL2, where Packer minds no others; of all in JSON. */
function requiredVariables(template: LoadedTemplate, all: readonly Ingredients[]): string[] {
  if (template.format === 'json') {
    const variables = Object.entries(template.document.variables ?? {})
    return variables.filter(([, value]) => value === null).map(([name]) => name)
  }
  const used = new Set(all.flatMap(({ variables }) => variables))
  return template.files
    .flatMap((file) => file.body.blocks)
    .filter((block) => block.type === 'variable' && !block.attributes.has('default'))
    .map((block) => block.labels[0] ?? '')
    .filter((name) => used.has(name))
}

const NO_ANSWER: Evaluated = { error: 'Packer gave no answer', sensitive: false }

interface Kitchen {
  readonly template: LoadedTemplate
  readonly options: FingerprintOptions
  readonly evaluated: ReadonlyMap<string, Evaluated>
  readonly hasher: FileHasher
  /** Grows. */
  readonly unknown: string[]
}

async function digestOf(ingredients: Ingredients, kitchen: Kitchen): Promise<string> {
  const { template, evaluated, unknown } = kitchen
  unknown.push(...ingredients.unknown)
  const variables = ingredients.variables.map((name) => {
    const value = evaluated.get(variableExpression(template, name)) ?? NO_ANSWER
    if ('value' in value) return `${name}=${sha256(String(value.value))}`
    if (value.sensitive) {
      unknown.push(`The variable ${name} cannot be read: ${value.error}.`)
      return name
    }
    throw noValue(template, name, value.error)
  })
  const values = ingredients.values.map((expression) => {
    const value = evaluated.get(expression) ?? NO_ANSWER
    if ('value' in value) return JSON.stringify(value.value)
    unknown.push(`${expression} cannot be evaluated: ${value.error}`)
    return ''
  })
  const files: string[] = []
  for (const mention of ingredients.files) files.push(...(await hashMention(mention, kitchen)))
  return sha256(JSON.stringify([ingredients.tokens, variables, values, files]))
}

function noValue(template: LoadedTemplate, name: string, error: string): HoldfastError {
  if (error.includes('-var variable')) {
    return new BuildError('TEMPLATE_INVALID', `Packer does not take what was given to ${template.path}: ${error}.`)
  }
  const declared = declaredVariables(template)
  if (!declared.includes(name)) {
    const have = declared.toSorted().join(', ') || 'none'
    return new BuildError('TEMPLATE_INVALID', `${template.path} has no variable "${name}"; it has: ${have}.`)
  }
  return new BuildError('TEMPLATE_INVALID', `The variable ${name} of ${template.path} has no value: ${error}.`, {
    hint: `Give it with -var ${name}=value, in a -var-file or as PKR_VAR_${name}.`,
    details: { variable: name },
  })
}

function declaredVariables(template: LoadedTemplate): string[] {
  if (template.format === 'json') return Object.keys(template.document.variables ?? {})
  return template.files
    .flatMap((file) => file.body.blocks)
    .flatMap((block) => {
      if (block.type === 'variables') return Array.from(block.attributes.keys())
      return block.type === 'variable' ? block.labels.slice(0, 1) : []
    })
}

async function hashMention(
  mention: FileMention,
  { template, options, evaluated, hasher, unknown }: Kitchen,
): Promise<string[]> {
  const base = mention.from === 'cwd' ? options.cwd : template.folder
  const parts: string[] = []
  for (const given of pathsOf(mention, evaluated, unknown)) {
    const path = given.startsWith('file://') ? fileURLToPath(given) : resolve(base, given)
    const hash = given === '' || given.includes('\0') ? null : await hasher.hash(path)
    if (hash === null && mention.required) {
      throw new BuildError(
        'TEMPLATE_INVALID',
        `${template.path}: ${mention.where} names ${given}, which does not exist.`,
        {
          hint: `It is looked for as ${path}.`,
        },
      )
    }
    // From the template's folder: the same project elsewhere has the same hashes.
    parts.push(relative(template.folder, path), hash ?? 'no file')
  }
  return parts
}

/** The strings that an attribute's value is or holds. */
function pathsOf({ where, paths }: FileMention, evaluated: Kitchen['evaluated'], unknown: string[]): string[] {
  if (!('expression' in paths)) return [...paths]
  const result = evaluated.get(paths.expression) ?? NO_ANSWER
  if ('value' in result) return [result.value].flat(2).filter((one) => typeof one === 'string')
  unknown.push(`${where} cannot be evaluated before a run: ${result.error}`)
  return []
}

function chain(parts: readonly string[]): string {
  return sha256(parts.join('\n'))
}
