/** The template of one run, made from the user's text by cutting in at positions; no expression is touched. */
import { DEFAULT_MANIFEST, manifestFile, MANIFEST_VARIABLE, MERGE_NAME, mergeCommand } from '../manifest-step.ts'
import { goTemplateText, markerCommands } from '../marker.ts'
import type { DeriveOptions } from '../template.ts'
import type { HclSource, HclTemplate } from './hcl-template.ts'
import {
  hclString,
  literalString,
  nodesOf,
  tupleElements,
  type HclAttribute,
  type HclBlock,
  type HclFile,
} from './parser.ts'

interface Edit {
  readonly file: HclFile
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text of all files of the template, for a run of this source alone. */
export function deriveHcl(template: HclTemplate, source: HclSource, options: DeriveOptions): string {
  const edits = [
    ...provisionerEdits(source, options),
    ...redirectEdits(source, options.manifests),
    ...manifestEdits(source, options.manifestFile),
    ...(options.qemu ? qemuEdits(source, options.qemu) : []),
    ...(options.tmpdir === undefined ? [] : tmpdirEdits(template, source, options.from, options.tmpdir)),
  ]
  return template.files
    .map((file) =>
      edited(
        file,
        edits.filter((edit) => edit.file === file),
      ),
    )
    .join('\n')
}

function edited(file: HclFile, edits: readonly Edit[]): string {
  // Edits at one place keep their order: sorting is stable.
  let text = ''
  let position = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    text += file.text.slice(position, edit.start) + edit.text
    position = Math.max(position, edit.end)
  }
  return `${text}${file.text.slice(position)}\n`.replace(/^\uFEFF/, '')
}

function provisionerEdits(source: HclSource, { from, eventsFile, qemu }: DeriveOptions): Edit[] {
  const marker = (steps: { ended?: number; started?: number }) =>
    pluginBlock('provisioner', 'shell-local', {
      inline: markerCommands(eventsFile, steps, qemu?.checkpointCommand).map(hclString),
    })
  const sync = qemu && usesSsh(source) ? pluginBlock('provisioner', 'shell', { inline: [hclString('sync')] }) : ''
  const last = source.provisioners.length - 1
  return source.provisioners.flatMap(({ block }, index) => {
    if (index < from) return [replacing(block, '')]
    const before = index === from ? [insertion(block, block.node.startIndex, marker({ started: index }))] : []
    const next = index < last ? { ended: index, started: index + 1 } : { ended: index }
    return [...before, insertion(block, block.node.endIndex, `\n${sync}${marker(next)}`)]
  })
}

/** The user's manifest post-processors; at one place, these edits precede the edits of {@link manifestEdits}. */
function redirectEdits(source: HclSource, manifests: DeriveOptions['manifests']): Edit[] {
  const all = source.chains.flatMap(({ postProcessors }) => postProcessors)
  return all
    .filter(({ labels }) => labels[0] === 'manifest')
    .flatMap((block, step) => {
      const given = block.attributes.get('output')
      const fallback = hclString(DEFAULT_MANIFEST)
      const path = given ? `coalesce(${given.expression.text}\n, ${fallback})` : fallback
      const merge = pluginBlock('post-processor', 'shell-local', {
        name: hclString(MERGE_NAME),
        environment_vars: [`format("${MANIFEST_VARIABLE}=%s", ${path})`],
        inline: [hclString(mergeCommand(manifests, step))],
      })
      const output = `output = ${hclString(manifestFile(manifests.folder, step))}`
      const redirected = given ? [replacing(block, output, given)] : atTheEnd(block, `${output}\n`)
      return redirected.concat(insertion(block, block.node.endIndex, `\n${merge}`))
    })
}

/** The manifest stands at the end of every chain that does something; alone when there is none. */
function manifestEdits(source: HclSource, ownManifest: string): Edit[] {
  const manifest = pluginBlock('post-processor', 'manifest', {
    output: hclString(ownManifest),
  })
  if (source.chains.length === 0) return atTheEnd(source.build, manifest)
  return source.chains.flatMap(({ block }) =>
    block.type === 'post-processors'
      ? atTheEnd(block, manifest)
      : [
          insertion(block, block.node.startIndex, 'post-processors {\n'),
          insertion(block, block.node.endIndex, `\n${manifest}}\n`),
        ],
  )
}

function qemuEdits(source: HclSource, { baseImage, monitorFile }: NonNullable<DeriveOptions['qemu']>): Edit[] {
  const given = attributeOf(source, 'qemuargs')?.attribute.expression.text
  const own = `[["-readconfig", ${hclString(goTemplateText(monitorFile))}]]`
  const edits = setting(source, 'qemuargs', given === undefined ? own : `concat(${given}\n, ${own})`)
  if (baseImage === undefined) return edits
  return [
    ...edits,
    ...setting(source, 'disk_image', 'true'),
    ...setting(source, 'iso_url', hclString(goTemplateText(baseImage))),
    ...setting(source, 'iso_checksum', '"none"'),
    // Packer's last copy makes an image of its own out of the layers; its own way to stand on one fails with QEMU 6.1
    // and later.
    ...setting(source, 'skip_compaction', 'false'),
    ...setting(source, 'use_backing_file', 'false'),
    ...['iso_urls', 'boot_command', 'boot_steps'].flatMap((name) => {
      const found = attributeOf(source, name)
      return found ? [replacing(found.block, '', found.attribute)] : []
    }),
  ]
}

/** Packer refuses an attribute that the source and the build block both have, so there is one place at most. */
function attributeOf(source: HclSource, name: string): { block: HclBlock; attribute: HclAttribute } | null {
  for (const block of [source.nested, source.block]) {
    const attribute = block?.attributes.get(name)
    if (block && attribute) return { block, attribute }
  }
  return null
}

function setting(source: HclSource, name: string, expression: string): Edit[] {
  const found = attributeOf(source, name)
  const text = `${name} = ${expression}\n`
  return found ? [replacing(found.block, text, found.attribute)] : atTheEnd(source.block, text)
}

/** Packer's own TMPDIR is not the user's: what the user wrote goes on to see the latter. */
function tmpdirEdits({ files }: HclTemplate, source: HclSource, from: number, tmpdir: string): Edit[] {
  const steps = source.provisioners.slice(from).map(({ block }) => block)
  const postProcessors = source.chains.flatMap((chain) => chain.postProcessors)
  const local = [...steps, ...postProcessors].filter(({ labels }) => labels[0] === 'shell-local')
  const own = hclString(`TMPDIR=${goTemplateText(tmpdir)}`)
  return [...local.flatMap((block) => environmentEdits(block, own)), ...tmpdirCalls(files, tmpdir)]
}

/** The step's own variables stand behind, where they win. */
function environmentEdits(block: HclBlock, own: string): Edit[] {
  const attribute = block.attributes.get('environment_vars')
  if (!attribute) return atTheEnd(block, `environment_vars = [${own}]\n`)
  const { text } = attribute.expression
  const isWritten = tupleElements(attribute.expression) !== null
  // A computed value may be null, or another type than a list.
  const expression = isWritten ? `concat([${own}], ${text}\n)` : `try(concat([${own}], ${text}\n), ${text}\n)`
  return [replacing(block, `environment_vars = ${expression}\n`, attribute)]
}

function tmpdirCalls(files: readonly HclFile[], tmpdir: string): Edit[] {
  const variables = files.flatMap(({ body }) => body.blocks.filter(({ type }) => type === 'variable'))
  return variables.flatMap((block) =>
    nodesOf(block.node, 'function_call')
      .filter((node) => /^env\s*\(\s*"TMPDIR"\s*\)$/.test(node.text))
      .map((node) => replacing(block, hclString(tmpdir), { node })),
  )
}

function usesSsh(source: HclSource): boolean {
  const communicator = attributeOf(source, 'communicator')
  return communicator === null || literalString(communicator.attribute.expression) === 'ssh'
}

/** A single-line block may contain one argument only, so it is spread over several lines. */
function atTheEnd(block: HclBlock, text: string): Edit[] {
  return [insertion(block, block.start, '\n'), insertion(block, block.end, `\n${text}`)]
}

function insertion({ file }: HclBlock, at: number, text: string): Edit {
  return { file, start: at, end: at, text }
}

function replacing(block: HclBlock, text: string, { node }: { node: HclBlock['node'] } = block): Edit {
  return { file: block.file, start: node.startIndex, end: node.endIndex, text }
}

function pluginBlock(kind: string, type: string, attributes: Record<string, string | string[]>): string {
  const lines = Object.entries(attributes).map(
    ([name, value]) => `  ${name} = ${Array.isArray(value) ? `[\n${value.join(',\n')}\n]` : value}\n`,
  )
  return `${kind} "${type}" {\n${lines.join('')}}\n`
}
