/**
 * A Packer template in HCL2: which sources it builds, and each one's provisioners and post-processors in their order.
 */
import { type Node } from 'web-tree-sitter'
import { uniqueNames } from '../names.ts'
import type { Template, TemplateProvisioner, TemplateSource } from '../template.ts'
import { literalString, literalStrings, locationOf, tupleElements, type HclBlock, type HclFile } from './parser.ts'
import { BuildError } from '../../errors.ts'

export interface HclTemplate extends Template {
  readonly format: 'hcl2'
  readonly files: readonly HclFile[]
  /** Files of variables that Packer reads by itself, because they lie in the folder. Absolute. */
  readonly autoVarFiles: readonly string[]
  readonly sources: readonly HclSource[]
}

export interface HclSource extends TemplateSource {
  readonly provisioners: readonly HclProvisioner[]
  /** Where it stands at the top of a file. */
  readonly block: HclBlock
  /** Where a build block adds to it. */
  readonly nested: HclBlock | null
  readonly build: HclBlock
  /** The chains that do something for this source, and in each the post-processors that do. */
  readonly chains: readonly { readonly block: HclBlock; readonly postProcessors: readonly HclBlock[] }[]
}

export interface HclProvisioner extends TemplateProvisioner {
  readonly block: HclBlock
}

/** @throws TEMPLATE_INVALID, TEMPLATE_UNSUPPORTED with file and line. */
export function readSources(files: readonly HclFile[]): HclSource[] {
  const blocks = files.flatMap((file) => file.body.blocks)
  const known = new Map<string, HclBlock>()
  for (const block of blocks) if (block.type === 'source') known.set(block.labels.join('.'), block)
  const sources = blocks.filter((block) => block.type === 'build').flatMap((build) => readBuild(build, known))
  const twice = sources.find(({ fullName }, index) => sources.findIndex((one) => one.fullName === fullName) < index)
  if (!twice) return sources
  throw new BuildError(
    'TEMPLATE_UNSUPPORTED',
    `${locationOf(twice.build)}: this is a second build of ${twice.fullName}, which cannot be told from the first.`,
    {
      hint: 'Give a build block a name (name = "...") or a source within it one of its own, and Packer names its builds after that.',
    },
  )
}

function readBuild(build: HclBlock, known: ReadonlyMap<string, HclBlock>): HclSource[] {
  const dynamic = build.blocks.find((block) => block.type === 'dynamic')
  if (dynamic) {
    const kind = dynamic.labels[0] ?? ''
    throw new BuildError(
      'TEMPLATE_UNSUPPORTED',
      `${locationOf(dynamic)}: dynamic "${kind}" makes steps that are only known while Packer runs; write each out.`,
    )
  }
  const buildName = textOf(build, 'name')
  return usesOf(build).map(({ reference, nested }) => {
    const type = reference.replace(/^source\./, '').split('.')[0] ?? ''
    const block = known.get(reference.replace(/^source\./, ''))
    if (!block) {
      const names = [...known.keys()].toSorted().join(', ') || 'none'
      const message = `${locationOf(nested ?? build)}: there is no source "${reference}"; the template has: ${names}.`
      throw new BuildError('TEMPLATE_INVALID', message)
    }
    // Packer's only and except know a source by its type and local name, without the build's name.
    const localName = `${type}.${(nested && textOf(nested, 'name')) ?? block.labels[1] ?? ''}`
    return {
      fullName: buildName === null ? localName : `${buildName}.${localName}`,
      builderType: type,
      block,
      nested,
      build,
      provisioners: readProvisioners(build, localName),
      chains: readChains(build, localName),
    }
  })
}

/** The sources of a build block in Packer's order: first its list, then its blocks. */
function usesOf(build: HclBlock): { reference: string; nested: HclBlock | null }[] {
  const nested = build.blocks
    .filter((block) => block.type === 'source')
    .map((block) => ({ reference: block.labels.join('.'), nested: block }))
  return [...(textsOf(build, 'sources') ?? []).map((reference) => ({ reference, nested: null })), ...nested]
}

function readProvisioners(build: HclBlock, localName: string): HclProvisioner[] {
  const blocks = build.blocks.filter((block) => block.type === 'provisioner' && runsFor(block, localName))
  const names = uniqueNames(blocks.map(nameOf))
  return blocks.map((block, index) => ({ block, type: block.labels[0] ?? '', name: names[index] ?? '' }))
}

function readChains(build: HclBlock, localName: string): HclSource['chains'] {
  return build.blocks
    .filter((block) => block.type === 'post-processor' || block.type === 'post-processors')
    .map((block) => {
      const all =
        block.type === 'post-processor' ? [block] : block.blocks.filter(({ type }) => type === 'post-processor')
      return { block, postProcessors: all.filter((one) => runsFor(one, localName)) }
    })
    .filter(({ postProcessors }) => postProcessors.length > 0)
}

function runsFor(block: HclBlock, localName: string): boolean {
  const only = textsOf(block, 'only')
  const except = textsOf(block, 'except')
  return only && only.length > 0 ? only.includes(localName) : !except?.includes(localName)
}

const TELLING = ['inline', 'script', 'scripts', 'source', 'sources', 'playbook_file', 'command']

function nameOf(block: HclBlock): string {
  const type = block.labels[0] ?? ''
  const given = textOf(block, 'name')
  if (given !== null) return given
  const telling = TELLING.map((name) => block.attributes.get(name)?.expression).find((found) => found !== undefined)
  return telling ? `${type}: ${firstText(telling)}` : type
}

function firstText(expression: Node): string {
  const first = tupleElements(expression)?.[0] ?? expression
  return literalString(first) ?? first.text.replace(/^"(.*)"$/s, '$1')
}

/** @throws TEMPLATE_UNSUPPORTED when the attribute is computed: Packer takes literals only, too. */
function textOf(block: HclBlock, name: string): string | null {
  return literal(block, name, literalString)
}

function textsOf(block: HclBlock, name: string): string[] | null {
  return literal(block, name, literalStrings)
}

function literal<T>(block: HclBlock, name: string, read: (expression: Node) => T | null): T | null {
  const attribute = block.attributes.get(name)
  if (!attribute) return null
  const value = read(attribute.expression)
  if (value !== null) return value
  const message = `${locationOf(block)}: "${name}" must be written out, not computed; it is '${attribute.expression.text}'.`
  throw new BuildError('TEMPLATE_UNSUPPORTED', message)
}
