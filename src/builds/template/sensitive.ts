/** Finds the secrets in a template's text: marked values, and values computed from them. */
import type { Node } from 'web-tree-sitter'
import { referencesOf } from './hcl/ingredients-hcl.ts'
import type { HclTemplate } from './hcl/hcl-template.ts'
import { nodesOf, onOneLine, type HclBlock } from './hcl/parser.ts'
import type { JsonTemplate } from './json/json-template.ts'
import type { LoadedTemplate } from './load.ts'

export interface Secret {
  /** For a message: `var.password`, `local.token`. */
  readonly name: string
  /** Gives its value in Packer's console. */
  readonly expression: string
}

export interface Secrets {
  /** Variables and locals that are marked as sensitive, or that a secret store fills. */
  readonly marked: readonly Secret[]
  /** Expressions that compute something from them. */
  readonly derived: readonly Derived[]
}

export interface Derived {
  readonly text: string
  /** For Packer's console; null: it cannot be written on one line. */
  readonly expression: string | null
  /** Whether the result may lack its secrets in any known notation. */
  readonly isOpaque: boolean
}

/** Functions that read from a secret store: what they give is a secret, marked or not. */
const STORES = ['vault', 'aws_secretsmanager', 'aws_secretsmanager_raw']

/** Functions whose result has its arguments in it, as they are or in a known notation; or that tell nothing of them. */
const TRANSPARENT = new Set(
  (
    'abspath base64encode can chomp coalesce coalescelist compact concat contains convert distinct element ' +
    'file fileexists flatten format formatlist indent index join jsonencode keys length lookup merge reverse setunion slice ' +
    'templatefile tolist tomap toset tostring trimspace try urlencode values yamlencode zipmap'
  ).split(' '),
)

export function secretsOf(template: LoadedTemplate): Secrets {
  return template.format === 'json' ? jsonSecrets(template) : hclSecrets(template)
}

/** The names of variables that are marked as sensitive. */
export function sensitiveVariables(template: LoadedTemplate): string[] {
  const { marked } = secretsOf(template)
  return marked.filter(({ name }) => name.startsWith('var.')).map(({ name }) => name.slice('var.'.length))
}

/** A variable, a local or an expression with the text that says how it is computed. */
interface Definition {
  readonly name: string
  readonly node: Node
  readonly isMarked: boolean
}

function hclSecrets(template: HclTemplate): Secrets {
  const blocks = template.files.flatMap((file) => file.body.blocks)
  const definitions = blocks.flatMap(definitionsIn)
  const marked = definitions.filter(({ isMarked, node }) => isMarked || readsStore(node)).map(({ name }) => name)
  const tainted = new Set(marked)
  const isTainted = (node: Node) => mentions(node, tainted)
  for (let size = -1; size < tainted.size;) {
    size = tainted.size
    for (const { name, node } of definitions) if (isTainted(node)) tainted.add(name)
  }
  const computing = blocks.flatMap(({ node }) => computingIn(node)).filter(isTainted)
  return {
    marked: marked.map((name) => ({ name, expression: name })),
    derived: computing.map((node) => ({
      text: node.text,
      expression: onOneLine(node),
      isOpaque: functionsIn(node).some((name) => !TRANSPARENT.has(name)),
    })),
  }
}

function definitionsIn(block: HclBlock): Definition[] {
  if (block.type === 'locals') {
    return [...block.attributes.values()].map(({ name, expression }) => ({
      name: `local.${name}`,
      node: expression,
      isMarked: false,
    }))
  }
  if (block.type !== 'variable' && block.type !== 'local') return []
  const sensitive = block.attributes.get('sensitive')?.expression.text ?? 'false'
  const root = block.type === 'variable' ? 'var' : 'local'
  return [{ name: `${root}.${block.labels[0] ?? ''}`, node: block.node, isMarked: sensitive !== 'false' }]
}

function readsStore(node: Node): boolean {
  return functionsIn(node).some((name) => STORES.includes(name))
}

function functionsIn(node: Node): string[] {
  return nodesOf(node, 'function_call').map((call) => call.namedChildren[0]?.text ?? '')
}

function mentions(node: Node, names: ReadonlySet<string>): boolean {
  return referencesOf(node).some(({ root, name }) => {
    if (root !== 'var' && root !== 'local') return false
    return name === null ? names.size > 0 : names.has(`${root}.${name}`)
  })
}

/** What makes other text of what it is given. An interpolation alone does not: its result has the value in it. */
function computingIn(node: Node): Node[] {
  const loops = nodesOf(node, 'quoted_template').filter(({ text }) => text.includes('%{'))
  return [...nodesOf(node, 'function_call'), ...nodesOf(node, 'for_expr'), ...loops]
}

const USER = /\buser\s+(?:`([^`]*)`|"([^"]*)")/g
const STORE_ACTION = new RegExp(String.raw`\{\{[^}]*\b(?:${STORES.join('|')})\b`)

function jsonSecrets({ document }: JsonTemplate): Secrets {
  const variables = Object.entries(document.variables ?? {})
  const declared = new Set(document['sensitive-variables'])
  const marked = variables
    .filter(([name, value]) => declared.has(name) || (typeof value === 'string' && STORE_ACTION.test(value)))
    .map(([name]) => name)
  const tainted = new Set(marked)
  const isTainted = (text: string) =>
    [...text.matchAll(USER)].some(([, raw, quoted]) => tainted.has(raw ?? quoted ?? ''))
  for (let size = -1; size < tainted.size;) {
    size = tainted.size
    for (const [name, value] of variables) if (typeof value === 'string' && isTainted(value)) tainted.add(name)
  }
  const actions = JSON.stringify(document).match(/\{\{.*?\}\}/gs) ?? []
  const written = actions.map((action) => JSON.parse(`"${action}"`) as string)
  return {
    marked: marked.map((name) => ({ name: `var.${name}`, expression: `{{user \`${name}\`}}` })),
    derived: written
      .filter((action) => isTainted(action) && !/^\{\{-?\s*user\s+\S+\s*-?\}\}$/.test(action))
      // Part of an `if` alone has no value, and tells nothing.
      .map((action) => ({ text: action, expression: action, isOpaque: false })),
  }
}
