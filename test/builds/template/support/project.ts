/** Templates in folders of their own, and the real packer to say what they mean. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findPacker, type Packer } from '../../../../src/builds/packer.ts'
import { loadTemplate, type LoadedTemplate, type TemplateSource } from '../../../../src/builds/template/index.ts'

/** Writes files into a new folder in `parent` and returns it. */
export function project(parent: string, files: Record<string, string>): string {
  const folder = mkdtempSync(join(parent, 'project-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

let found: Packer | null = null

export async function realPacker(): Promise<Packer> {
  found ??= await findPacker({ env: process.env })
  return found
}

/** Runs packer in a folder; its whole output is one text. */
export function packer(cwd: string, ...args: string[]): { status: number | null; output: string } {
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PACKER_LOG: '' }
  const result = spawnSync('packer', args, { cwd, env, encoding: 'utf8', timeout: 30_000 })
  return { status: result.status, output: `${result.stdout}${result.stderr}` }
}

export function sourceNamed(template: LoadedTemplate, name: string): TemplateSource {
  const source = template.sources.find(({ fullName }) => fullName === name)
  if (!source) throw new Error(`${template.path} has no ${name}`)
  return source
}

export function namesOf(template: LoadedTemplate): Record<string, string[]> {
  return Object.fromEntries(
    template.sources.map(({ fullName, provisioners }) => [fullName, provisioners.map(({ name }) => name)]),
  )
}

export async function loadText(parent: string, text: string, name = 'a.pkr.hcl'): Promise<LoadedTemplate> {
  return loadTemplate(join(project(parent, { [name]: text }), name))
}
