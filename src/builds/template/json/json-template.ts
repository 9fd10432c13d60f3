/**
 * A Packer template in the legacy JSON form: builders, and for each the provisioners and post-processors in their
 * order.
 */
import { z } from 'zod'
import { uniqueNames } from '../names.ts'
import type { Template, TemplateProvisioner, TemplateSource } from '../template.ts'
import { BuildError } from '../../errors.ts'

const plugin = z.looseObject({
  type: z.string(),
  only: z.array(z.string()).optional(),
  except: z.array(z.string()).optional(),
})
const provisioner = plugin.extend({ override: z.record(z.string(), z.looseObject({})).optional() })
const postProcessor = z.union([z.string().transform((type): z.infer<typeof plugin> => ({ type })), plugin])
const document = z.looseObject({
  variables: z.record(z.string(), z.unknown()).optional(),
  'sensitive-variables': z.array(z.string()).optional(),
  builders: z.array(plugin.extend({ name: z.string().optional() })).min(1),
  provisioners: z.array(provisioner).optional(),
  'post-processors': z.array(z.union([z.array(postProcessor), postProcessor.transform((one) => [one])])).optional(),
})

export type JsonDocument = z.infer<typeof document>
export type JsonPlugin = z.infer<typeof plugin>

export interface JsonTemplate extends Template {
  readonly format: 'json'
  readonly document: JsonDocument
  readonly sources: readonly JsonSource[]
}

export interface JsonSource extends TemplateSource {
  readonly builder: JsonPlugin
  readonly provisioners: readonly JsonProvisioner[]
  /** The post-processors that do something for this source, in their chains; no chain is empty. */
  readonly chains: readonly (readonly JsonPlugin[])[]
}

export interface JsonProvisioner extends TemplateProvisioner {
  /** As written, without `only` and `except`. */
  readonly body: z.infer<typeof provisioner>
}

/** @throws TEMPLATE_INVALID with the place, TEMPLATE_UNSUPPORTED. */
export function readDocument(path: string, text: string): JsonDocument {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new BuildError('TEMPLATE_INVALID', `${path} is not JSON: ${(error as Error).message}.`, { cause: error })
  }
  const result = document.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`)
  throw new BuildError('TEMPLATE_INVALID', `${path} is not a Packer template: ${issues.join('; ')}.`)
}

/** @throws TEMPLATE_INVALID when two builders have one name, TEMPLATE_UNSUPPORTED when a name is computed. */
export function readJsonSources(path: string, template: JsonDocument): JsonSource[] {
  const names = new Set<string>()
  return template.builders.map((builder) => {
    const fullName = builder.name ?? builder.type
    if (fullName.includes('{{')) {
      const message = `${path}: the builder's name '${fullName}' must be written out, not computed.`
      throw new BuildError('TEMPLATE_UNSUPPORTED', message)
    }
    if (names.has(fullName)) {
      throw new BuildError('TEMPLATE_INVALID', `${path}: two builders are named '${fullName}'.`, {
        hint: 'Give each a "name" of its own.',
      })
    }
    names.add(fullName)
    return {
      fullName,
      builderType: builder.type,
      builder,
      provisioners: readProvisioners(template, fullName),
      chains: readChains(template, fullName),
    }
  })
}

function readProvisioners(template: JsonDocument, source: string): JsonProvisioner[] {
  const bodies = (template.provisioners ?? []).filter((one) => runsFor(one, source)).map(unrestricted)
  const names = uniqueNames(bodies.map(nameOf))
  return bodies.map((body, index) => ({ body, type: body.type, name: names[index] ?? body.type }))
}

function readChains(template: JsonDocument, source: string): JsonPlugin[][] {
  return (template['post-processors'] ?? [])
    .map((chain) => chain.filter((one) => runsFor(one, source)).map(unrestricted))
    .filter((chain) => chain.length > 0)
}

function runsFor(
  { only, except }: { only?: string[] | undefined; except?: string[] | undefined },
  source: string,
): boolean {
  return only && only.length > 0 ? only.includes(source) : !except?.includes(source)
}

function unrestricted<T extends JsonPlugin>(body: T): T {
  const { only: _only, except: _except, ...rest } = body
  return rest as T
}

const TELLING = ['inline', 'script', 'scripts', 'source', 'sources', 'playbook_file', 'command']

function nameOf(body: JsonPlugin): string {
  const telling = TELLING.map((name) => body[name]).find((value) => value !== undefined)
  const first: unknown = Array.isArray(telling) ? telling[0] : telling
  return typeof first === 'string' ? `${body.type}: ${first}` : body.type
}
