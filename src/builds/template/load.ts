import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { HoldfastError, messageOf, systemErrorCode } from '../../base/index.ts'
import { readSources, type HclTemplate } from './hcl/hcl-template.ts'
import { parseHcl } from './hcl/parser.ts'
import { readDocument, readJsonSources, type JsonTemplate } from './json/json-template.ts'
import { BuildError } from '../errors.ts'

/** What {@link loadTemplate} gives: a `Template` with what the other functions of this folder need of its form. */
export type LoadedTemplate = HclTemplate | JsonTemplate

/**
 * Reads a template: a `.pkr.hcl` file, a folder of them, or a legacy `.json` file.
 * @throws NOT_FOUND, TEMPLATE_INVALID (with file and line) or TEMPLATE_UNSUPPORTED.
 */
export async function loadTemplate(path: string): Promise<LoadedTemplate> {
  const info = await stat(path).catch((error: unknown) => {
    const missing = systemErrorCode(error) === 'ENOENT'
    const message = missing
      ? `There is no template ${path}.`
      : `The template ${path} cannot be read: ${messageOf(error)}.`
    throw new BuildError('NOT_FOUND', message, { cause: error })
  })
  if (info.isDirectory()) return loadFolder(path)
  if (path.endsWith('.pkr.hcl')) return loadHcl(path, dirname(resolve(path)), stem(path), [path], [])
  if (path.endsWith('.pkr.json')) throw unsupported(path, 'is HCL2 written as JSON')
  if (path.endsWith('.json')) return loadJson(path)
  throw unsupported(path, 'is neither *.pkr.hcl nor *.json')
}

/** Whether a word stands anywhere in the template's text. */
export function mentions(template: LoadedTemplate, word: string): boolean {
  if (template.format === 'json') return JSON.stringify(template.document).includes(word)
  return template.files.some(({ text }) => text.includes(word))
}

function unsupported(path: string, what: string): HoldfastError {
  return new BuildError('TEMPLATE_UNSUPPORTED', `${path} ${what}, which Holdfast does not read.`, {
    hint: 'Give a *.pkr.hcl file, a folder of them, or a legacy *.json template.',
  })
}

async function loadFolder(path: string): Promise<HclTemplate> {
  // Hidden files are runs' derived templates.
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).toSorted()
  const json = names.find((name) => name.endsWith('.pkr.json'))
  if (json !== undefined) throw unsupported(join(path, json), 'is HCL2 written as JSON')
  const files = names.filter((name) => name.endsWith('.pkr.hcl')).map((name) => join(path, name))
  if (files.length === 0) {
    throw new BuildError('TEMPLATE_INVALID', `The folder ${path} holds no template: there is no *.pkr.hcl in it.`)
  }
  // Packer reads those in HCL first, so that those in JSON win.
  const folder = resolve(path)
  const auto = ['.auto.pkrvars.hcl', '.auto.pkrvars.json'].flatMap((ending) =>
    names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name)),
  )
  return loadHcl(path, folder, basename(folder), files, auto)
}

async function loadHcl(
  path: string,
  folder: string,
  name: string,
  paths: readonly string[],
  autoVarFiles: readonly string[],
): Promise<HclTemplate> {
  const files = []
  for (const file of paths) files.push(await parseHcl(file, await readFile(file, 'utf8')))
  const sources = readSources(files)
  if (sources.length === 0) {
    const message = `${path} builds nothing: no build block names a source.`
    throw new BuildError('TEMPLATE_INVALID', message)
  }
  return { path, format: 'hcl2', folder, name, files, autoVarFiles, sources }
}

async function loadJson(path: string): Promise<JsonTemplate> {
  const document = readDocument(path, await readFile(path, 'utf8'))
  const sources = readJsonSources(path, document)
  return { path, format: 'json', folder: dirname(resolve(path)), name: stem(path), document, sources }
}

function stem(path: string): string {
  return basename(path).replace(/(\.pkr\.hcl|\.json)$/, '')
}
