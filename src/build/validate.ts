import { HoldfastError } from '../base/index.ts'
import { runPacker, type Packer, type PackerInput } from './packer.ts'

interface ValidateRequest {
  readonly input: PackerInput
  readonly only: readonly string[]
  readonly except: readonly string[]
}

/**
 * Lets Packer check the template with these variables.
 * @throws TEMPLATE_INVALID with Packer's own words.
 */
export async function validateTemplate(
  packer: Packer,
  { path }: { readonly path: string },
  { input, only, except }: ValidateRequest,
): Promise<void> {
  const args = [
    'validate',
    ...(only.length > 0 ? [`-only=${only.join(',')}`] : []),
    ...(except.length > 0 ? [`-except=${except.join(',')}`] : []),
    ...input.varFiles.map((file) => `-var-file=${file}`),
    ...input.vars.flatMap((given) => ['-var', given]),
    path,
  ]
  const { stdout, stderr, failed } = await runPacker(packer.path, args, '', input)
  if (!failed) return
  const words = `${stdout}${stderr}`.trim() || 'Packer gives no reason'
  if (isOnlyOutputs(words)) return
  throw new HoldfastError('TEMPLATE_INVALID', `Packer does not accept the template ${path}:\n${words}`)
}

/** Whether what lies there may be overwritten is found out for each source; `packer validate` knows no `-force`. */
function isOnlyOutputs(words: string): boolean {
  const faults = words.match(/^ *\* .*/gm) ?? []
  return faults.length > 0 && faults.every((fault) => /\* Output directory '.*' already exists/.test(fault))
}
