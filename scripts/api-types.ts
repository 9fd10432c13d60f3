/**
 * The types of the public HTTP API, src/client/api-types.ts, from the OpenAPI document that a server of its own answers
 * with. Only what that document uses: JSON Schema as OpenAPI 3.0 has it.
 */
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog, loadConfig } from '../src/base/index.ts'
import { SETTINGS } from '../src/cli/options.ts'
import { startServer } from '../src/server/index.ts'

interface Schema {
  $ref?: string
  type?: string
  description?: string
  nullable?: boolean
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
}

interface Document {
  paths: Record<string, Record<string, { requestBody?: unknown; responses?: unknown }>>
  components: { schemas: Record<string, Schema> }
}

const INPUT = 'Input'
const HEADER = `/**
 * The answers and bodies of the HTTP API. Made from the OpenAPI document by 'npm run docs': do not edit. Times are
 * RFC 3339 in UTC, sizes are bytes.
 */
`

/** The text of src/client/api-types.ts. */
export async function apiTypes(): Promise<string> {
  const { paths, components } = await openApiDocument()
  const operations = Object.values(paths).flatMap((path) => Object.values(path))
  const bodies = JSON.stringify(operations.map(({ requestBody }) => requestBody ?? null))
  const answers = JSON.stringify(operations.map(({ responses }) => responses ?? null))
  // Each schema is listed as an answer and, with this suffix, as a body, where fields with a default may be absent.
  const names = Object.keys(components.schemas).filter((name) => !name.endsWith(INPUT))
  const types = names.toSorted().map((name) => {
    const asBody = `${name}${INPUT}`
    if (bodies.includes(`/${asBody}"`) && answers.includes(`/${name}"`))
      throw new Error(`the schema ${name} is a body and an answer: give each an id of its own`)
    const schema = components.schemas[bodies.includes(`/${asBody}"`) ? asBody : name] ?? {}
    return declare(name, schema)
  })
  return `${HEADER}${types.join('\n')}`
}

async function openApiDocument(): Promise<Document> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'holdfast-docs-'))
  const env = { HOLDFAST_SHARED_SECRET: 'not used' }
  const config = loadConfig(SETTINGS, { flags: { data: folder.path, port: '0', host: '127.0.0.1' }, env })
  const server = await startServer(config, await createLog('silent'))
  try {
    return (await (await fetch(`${server.url}/api/openapi.json`)).json()) as Document
  } finally {
    await server.stop()
  }
}

function declare(name: string, schema: Schema): string {
  const comment = describe(schema, '')
  if (schema.type !== 'object' || !schema.properties) return `${comment}export type ${name} = ${typeOf(schema)}\n`
  return `${comment}export interface ${name} ${object(schema, '')}\n`
}

function describe({ description }: Schema, indent: string): string {
  return description === undefined ? '' : `${indent}/** ${description} */\n`
}

function object({ properties = {}, required = [] }: Schema, indent: string): string {
  const inner = `${indent}  `
  const fields = Object.entries(properties).map(([name, schema]) => {
    const mark = required.includes(name) ? '' : '?'
    return `${describe(schema, inner)}${inner}${name}${mark}: ${typeOf(schema, inner)}\n`
  })
  return `{\n${fields.join('')}${indent}}`
}

function typeOf(schema: Schema, indent = ''): string {
  const type = bareType(schema, indent)
  return schema.nullable ? `${type} | null` : type
}

function bareType(schema: Schema, indent: string): string {
  const { $ref, anyOf, items, properties, additionalProperties } = schema
  if ($ref !== undefined) return nameOf($ref)
  if (schema.enum) return schema.enum.map((value) => `'${String(value)}'`).join(' | ')
  if (anyOf) return anyOf.map((one) => typeOf(one, indent)).join(' | ')
  if (items) return arrayOf(typeOf(items, indent))
  if (properties) return object(schema, indent)
  if (typeof additionalProperties === 'object') return `Record<string, ${typeOf(additionalProperties, indent)}>`
  if (schema.type === 'integer') return 'number'
  if (schema.type === 'string' || schema.type === 'number' || schema.type === 'boolean') return schema.type
  throw new Error(`scripts/api-types.ts has no type for ${JSON.stringify(schema)}`)
}

function nameOf(ref: string): string {
  const name = ref.slice(ref.lastIndexOf('/') + 1)
  return name.endsWith(INPUT) ? name.slice(0, -INPUT.length) : name
}

function arrayOf(type: string): string {
  return /[ |]/.test(type) ? `(${type})[]` : `${type}[]`
}
