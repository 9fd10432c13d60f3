import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { HoldfastError, messageOf, systemErrorCode } from '../../base/index.ts'
import type { PackerInput } from '../packer.ts'
import { parseHcl } from './hcl/parser.ts'
import type { LoadedTemplate } from './load.ts'

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
  const given = new Set(input.vars.map((one) => one.split('=')[0]))
  const auto = template.format === 'hcl2' ? template.autoVarFiles : []
  for (const file of [...auto, ...input.varFiles]) {
    for (const name of await namesIn(resolve(input.cwd, file))) given.add(name)
  }
  const inEnvironment = (name: string) => template.format === 'hcl2' && `PKR_VAR_${name}` in input.env
  const missing = required.filter((name) => !given.has(name) && !inEnvironment(name))
  if (missing.length === 0) return
  const hint = 'Give it with -var name=value or in a -var-file, in HCL2 also as PKR_VAR_name in the environment.'
  throw new HoldfastError('TEMPLATE_INVALID', `${template.path} needs a value for: ${missing.join(', ')}.`, { hint })
}

async function namesIn(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const what = systemErrorCode(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${messageOf(error)}`
    throw new HoldfastError('NOT_FOUND', `The file of variables ${path} ${what}.`, { cause: error })
  })
  if (!path.endsWith('.json')) return [...(await parseHcl(path, text)).body.attributes.keys()]
  try {
    return Object.keys(JSON.parse(text) as object)
  } catch (error) {
    throw new HoldfastError('TEMPLATE_INVALID', `${path} is not JSON: ${messageOf(error)}.`, { cause: error })
  }
}
