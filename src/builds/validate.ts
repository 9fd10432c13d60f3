import { resolve } from 'node:path'
import { runPacker, type Packer, type PackerInput } from './packer.ts'
import type { HclTemplate } from './template/hcl/hcl-template.ts'
import { wholeFolder, type LoadedTemplate } from './template/index.ts'
import { BuildError } from './errors.ts'

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
  template: LoadedTemplate,
  { input, only, except }: ValidateRequest,
): Promise<void> {
  const { path } = template
  const complaint = async (file: string, autoVarFiles: readonly string[]) => {
    const args = [
      'validate',
      ...(only.length > 0 ? [`-only=${only.join(',')}`] : []),
      ...(except.length > 0 ? [`-except=${except.join(',')}`] : []),
      ...[...autoVarFiles, ...input.varFiles].map((one) => `-var-file=${one}`),
      ...input.vars.flatMap((given) => ['-var', given]),
      file,
    ]
    const { stdout, stderr, failed } = await runPacker(packer.path, args, '', input)
    return failed ? `${stdout}${stderr}`.trim() || 'Packer gives no reason' : null
  }
  const isFolder = template.format === 'hcl2' && resolve(path) === template.folder
  let words = isFolder ? await complaintOfWhole(template, complaint) : await complaint(path, [])
  if (words !== null && isFolder) {
    // Said of the folder itself it names the right places, unless files of runs get in the way there.
    const own = await complaint(path, [])
    if (own !== null && !own.includes('.holdfast-')) words = own
  }
  if (words === null || isOnlyOutputs(words)) return
  throw new BuildError('TEMPLATE_INVALID', `Packer does not accept the template ${path}:\n${words}`)
}

async function complaintOfWhole(
  template: HclTemplate,
  complaint: (file: string, autoVarFiles: readonly string[]) => Promise<string | null>,
): Promise<string | null> {
  await using whole = await wholeFolder(template)
  return await complaint(whole.path, template.autoVarFiles)
}

/** Whether what lies there may be overwritten is found out for each source; `packer validate` knows no `-force`. */
function isOnlyOutputs(words: string): boolean {
  const faults = words.match(/^ *\* .*/gm) ?? []
  return faults.length > 0 && faults.every((fault) => /\* Output directory '.*' already exists/.test(fault))
}
