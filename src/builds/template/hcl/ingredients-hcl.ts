/** What a source of an HCL2 template is made from. */
import type { Node } from 'web-tree-sitter'
import {
  namesInputFiles,
  requiresFile,
  type FileMention,
  type Ingredients,
  type SourceIngredients,
} from '../ingredients.ts'
import type { HclSource, HclTemplate } from './hcl-template.ts'
import { literalString, literalStrings, nodesOf, onOneLine, tokensOf, type HclBlock } from './parser.ts'

/** Where locals come from, by name. */
type Locals = ReadonlyMap<string, Node>

export function hclIngredients(template: HclTemplate, source: HclSource): SourceIngredients {
  const all = template.files.flatMap((file) => file.body.blocks)
  const locals = localsOf(all)
  const declared = all.filter((block) => block.type === 'variable').map((block) => block.labels[0] ?? '')
  const collect = (where: string, blocks: readonly HclBlock[]) => ingredientsOf(where, blocks, locals, declared)
  const packerBlocks = all.filter((block) => block.type === 'packer')
  return {
    base: collect(`source ${source.fullName}`, [
      ...packerBlocks,
      source.block,
      ...(source.nested ? [source.nested] : []),
    ]),
    steps: source.provisioners.map(({ name, block }) => collect(`provisioner "${name}"`, [block])),
    rest: mergeChains(
      source.chains.map(({ postProcessors }) => collect(`post-processors of ${source.fullName}`, postProcessors)),
    ),
  }
}

function mergeChains(chains: readonly Ingredients[]): Ingredients {
  return {
    tokens: chains.flatMap((chain) => ['chain', ...chain.tokens]),
    variables: chains.flatMap((chain) => chain.variables),
    values: chains.flatMap((chain) => chain.values),
    files: chains.flatMap((chain) => chain.files),
    unknown: chains.flatMap((chain) => chain.unknown),
  }
}

function localsOf(blocks: readonly HclBlock[]): Locals {
  const locals = new Map<string, Node>()
  for (const block of blocks) {
    if (block.type === 'locals') {
      for (const { name, expression } of block.attributes.values()) locals.set(name, expression)
    } else if (block.type === 'local') locals.set(block.labels[0] ?? '', block.node)
  }
  return locals
}

function ingredientsOf(
  where: string,
  blocks: readonly HclBlock[],
  locals: Locals,
  declared: readonly string[],
): Ingredients {
  const own = blocks.flatMap(contentOf)
  const used = usedLocals(own, locals)
  const nodes = [...own, ...used.map(([, node]) => node)]
  const references = nodes.flatMap(referencesOf)
  const ofVariables = references.filter(({ root }) => root === 'var')
  return {
    tokens: [...own.flatMap(tokensOf), ...used.flatMap(([name, node]) => ['local', name].concat(tokensOf(node)))],
    variables: ofVariables.some(({ name }) => name === null)
      ? declared
      : [...new Set(ofVariables.map(({ name }) => name ?? ''))].toSorted(),
    values: nodes.flatMap((node) => callsOf(node, ['fileset'])).flatMap((call) => onOneLine(call) ?? []),
    files: [
      ...blocks.flatMap((block) => attributeMentions(where, block)),
      ...nodes.flatMap((node) => callMentions(where, node)),
    ],
    unknown: references
      .filter(onlyInARun)
      .map(({ root, name }) => `${where} uses ${root}.${name ?? '*'}, which is only known during a run.`),
  }
}

/** A block's nodes without what only says for which sources it runs. */
function contentOf(block: HclBlock): Node[] {
  const left = new Set(['only', 'except'].map((name) => block.attributes.get(name)?.node.id))
  const body = block.node.namedChildren.find((child) => child.type === 'body')
  const heading = block.node.namedChildren.filter((child) => child.type === 'identifier' || child.type === 'string_lit')
  return [...heading, ...(body?.namedChildren.filter((child) => !left.has(child.id)) ?? [])]
}

function usedLocals(nodes: readonly Node[], locals: Locals): [string, Node][] {
  const used = new Map<string, Node>()
  const visit = (node: Node): void => {
    for (const { root, name } of referencesOf(node)) {
      if (root !== 'local') continue
      for (const one of name === null ? locals.keys() : [name]) {
        const local = locals.get(one)
        if (!local || used.has(one)) continue
        used.set(one, local)
        visit(local)
      }
    }
  }
  nodes.forEach(visit)
  return [...used].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

interface Reference {
  readonly root: string
  /** Null when it is computed: `var["x"]`. */
  readonly name: string | null
}

export function referencesOf(node: Node): Reference[] {
  return nodesOf(node, 'variable_expr').map((variable) => {
    const next = variable.nextNamedSibling
    return { root: variable.text, name: next?.type === 'get_attr' ? next.text.replace(/^\.\s*/, '') : null }
  })
}

/** `source.name`, `build.name` and `packer.version` are the same in every run. */
function onlyInARun({ root, name }: Reference): boolean {
  return (root === 'build' && name !== 'name') || root === 'data'
}

function attributeMentions(where: string, block: HclBlock): FileMention[] {
  const direction = block.attributes.get('direction')
  // A file provisioner that downloads has its source on the machine.
  const downloads = direction !== undefined && literalString(direction.expression) === 'download'
  const own = [...block.attributes.values()]
    .filter(({ name }) => namesInputFiles(name) && !(downloads && name.startsWith('source')))
    .map(({ name, expression }): FileMention => ({
      where: `${where}, ${name}`,
      paths: literalPaths(expression) ?? { expression: lineOf(expression) },
      from: 'cwd',
      required: requiresFile(name),
    }))
  return [...own, ...block.blocks.flatMap((nested) => attributeMentions(where, nested))]
}

const READING = ['file', 'filebase64', 'templatefile', 'filemd5', 'filesha1', 'filesha256', 'filesha512']
const ALSO_READING = ['filebase64sha256', 'filebase64sha512', 'fileexists']

/** The files that functions read, wherever they stand. */
function callMentions(where: string, node: Node): FileMention[] {
  return callsOf(node, [...READING, ...ALSO_READING]).flatMap((call): FileMention[] => {
    const path = nodesOf(call, 'function_arguments')[0]?.namedChildren.find((child) => child.type === 'expression')
    if (!path) return []
    const paths = literalPaths(path) ?? { expression: lineOf(path) }
    return [{ where: `${where}, ${call.namedChildren[0]?.text ?? ''}()`, paths, from: 'folder', required: false }]
  })
}

function callsOf(node: Node, names: readonly string[]): Node[] {
  return nodesOf(node, 'function_call').filter((call) => names.includes(call.namedChildren[0]?.text ?? ''))
}

function literalPaths(expression: Node): string[] | null {
  const one = literalString(expression)
  return one === null ? literalStrings(expression) : [one]
}

/** What cannot be on one line is given as it is; Packer's console refuses it, and so it becomes unknown. */
function lineOf(expression: Node): string {
  return onOneLine(expression) ?? expression.text
}
