/** HCL2 text into blocks with positions, by tree-sitter's grammar. Knows HCL, nothing of Packer. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Node, Parser } from 'web-tree-sitter'
import { HoldfastError } from '../../../base/index.ts'
import { BuildError } from '../../errors.ts'

export interface HclFile {
  readonly path: string
  readonly text: string
  readonly body: HclBody
}

export interface HclBody {
  readonly attributes: ReadonlyMap<string, HclAttribute>
  /** In the order of the text. */
  readonly blocks: readonly HclBlock[]
}

export interface HclBlock extends HclBody {
  readonly type: string
  readonly labels: readonly string[]
  readonly file: HclFile
  readonly node: Node
  /** Behind the opening brace, and where the closing one stands: offsets in the file's text. */
  readonly start: number
  readonly end: number
}

export interface HclAttribute {
  readonly name: string
  readonly node: Node
  readonly expression: Node
}

let parser: Promise<Parser> | null = null

function theParser(): Promise<Parser> {
  parser ??= makeParser()
  return parser
}

async function makeParser(): Promise<Parser> {
  // Loaded when it is needed: most commands never read a template.
  const { Language, Parser } = await import('web-tree-sitter')
  // By their packages: the same from src/ and from the bundle in dist/.
  const runtime = fileURLToPath(import.meta.resolve('web-tree-sitter/web-tree-sitter.wasm'))
  const grammar = fileURLToPath(import.meta.resolve('@tree-sitter-grammars/tree-sitter-hcl/tree-sitter-hcl.wasm'))
  await Parser.init({ locateFile: () => runtime })
  const made = new Parser()
  made.setLanguage(await Language.load(await readFile(grammar)))
  return made
}

/** @throws TEMPLATE_INVALID at the first syntax error, with file, line and the offending text. */
export async function parseHcl(path: string, text: string): Promise<HclFile> {
  // Packer accepts a byte order mark; the grammar does not.
  const tree = (await theParser()).parse(text.replace(/^\uFEFF/, ' '))
  if (!tree) throw new BuildError('TEMPLATE_INVALID', `${path} could not be parsed.`)
  const wrong = tree.rootNode.hasError ? firstError(tree.rootNode) : null
  if (wrong) throw syntaxError(path, text, wrong)
  const body = tree.rootNode.namedChildren.find((node) => node.type === 'body')
  const file: HclFile & { body: HclBody } = { path, text, body: { attributes: new Map(), blocks: [] } }
  if (body) file.body = readBody(file, body)
  return file
}

function firstError(node: Node): Node | null {
  if (node.isError || node.isMissing) return node
  for (const child of node.children) {
    const found = child.hasError || child.isMissing ? firstError(child) : null
    if (found) return found
  }
  return null
}

function syntaxError(path: string, text: string, node: Node): HoldfastError {
  const { row, column } = node.startPosition
  const line = text.split('\n')[row]?.trim().slice(0, 80) ?? ''
  const what = node.isMissing
    ? `'${node.type}' is missing`
    : `'${node.text.split('\n')[0]?.slice(0, 40) ?? ''}' is not understood`
  return new BuildError('TEMPLATE_INVALID', `${path}:${row + 1}:${column + 1}: ${what} in '${line}'.`, {
    hint: '`packer validate` says more.',
    details: { path, line: row + 1 },
  })
}

function readBody(file: HclFile, body: Node): HclBody {
  const attributes = new Map<string, HclAttribute>()
  const blocks: HclBlock[] = []
  for (const node of body.namedChildren) {
    const [name, expression] = node.namedChildren
    if (node.type === 'attribute' && name && expression) {
      attributes.set(name.text, { name: name.text, node, expression })
    } else if (node.type === 'block') blocks.push(readBlock(file, node))
  }
  return { attributes, blocks }
}

function readBlock(file: HclFile, node: Node): HclBlock {
  const children = node.namedChildren
  const [type, ...labels] = children.filter((child) => child.type === 'identifier' || child.type === 'string_lit')
  const body = children.find((child) => child.type === 'body')
  const start = children.find((child) => child.type === 'block_start')
  const end = children.find((child) => child.type === 'block_end')
  return {
    type: type?.text ?? '',
    labels: labels.map((label) => literalString(label) ?? label.text),
    file,
    node,
    start: start?.endIndex ?? node.endIndex - 1,
    end: end?.startIndex ?? node.endIndex - 1,
    ...(body ? readBody(file, body) : { attributes: new Map(), blocks: [] }),
  }
}

/** `a.pkr.hcl:12`. */
export function locationOf(block: HclBlock): string {
  return `${block.file.path}:${block.node.startPosition.row + 1}`
}

/** The value of a string without interpolation, or null when the expression is anything else. */
export function literalString(expression: Node): string | null {
  const text = expression.text
  if (!/^"(?:[^"\\]|\\.)*"$/s.test(text) || /[$%]\{/.test(text)) return null
  return unescape(text.slice(1, -1))
}

function unescape(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs,
    (_, short?: string, long?: string, one = '') => {
      const code = short ?? long
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16))
      return { n: '\n', r: '\r', t: '\t' }[one as 'n'] ?? (one as string)
    },
  )
}

/** The values of a list of such strings, or null. */
export function literalStrings(expression: Node): string[] | null {
  const elements = tupleElements(expression)
  const values = elements?.map(literalString)
  return values?.every((value) => value !== null) ? values : null
}

/** The expressions of a list that is written out, or null when it is computed. */
export function tupleElements(expression: Node): Node[] | null {
  const tuple =
    expression.namedChildren[0]?.type === 'collection_value' ? expression.namedChildren[0].namedChildren[0] : null
  return tuple?.type === 'tuple' ? tuple.namedChildren.filter((child) => child.type === 'expression') : null
}

/** The text's tokens, without comments and white space; strings and heredocs as they stand. */
export function tokensOf(node: Node): string[] {
  if (node.type === 'comment') return []
  const whole = ['quoted_template', 'heredoc_template', 'string_lit'].includes(node.type)
  if (whole || node.childCount === 0) return node.text === '' ? [] : [node.text]
  return node.children.flatMap(tokensOf)
}

/** An expression on one line, or null when it holds a heredoc, which cannot be on one. */
export function onOneLine(node: Node): string | null {
  if (!node.text.includes('\n')) return node.text
  if (node.type === 'comment') return ''
  if (node.type === 'heredoc_template' || node.type === 'quoted_template' || node.childCount === 0) return null
  const parts: string[] = []
  for (const [index, child] of node.children.entries()) {
    const part = onOneLine(child)
    if (part === null) return null
    // The elements of an object may be parted by line ends alone.
    if (child.type === 'object_elem' && node.children[index - 1]?.type === 'object_elem') parts.push(',')
    parts.push(part)
  }
  return parts.join(' ')
}

/** All nodes of a type in a node, itself included. */
export function nodesOf(node: Node, type: string): Node[] {
  return node.descendantsOfType(type)
}

/**
 * A text as an HCL string. JSON's escapes are HCL's but for two; what would start an interpolation is written as a
 * number.
 */
export function hclString(text: string): string {
  return JSON.stringify(text)
    .replaceAll(/\\[bf\\]/g, (mark) => ({ '\\b': String.raw`\u0008`, '\\f': String.raw`\u000c` })[mark] ?? mark)
    .replace(/[$%](?=\{)/g, (mark) => (mark === '$' ? String.raw`\u0024` : String.raw`\u0025`))
}
