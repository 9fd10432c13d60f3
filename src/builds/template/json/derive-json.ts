/** The template of one run in the legacy JSON form. */
import { DEFAULT_MANIFEST, manifestFile, MANIFEST_VARIABLE, MERGE_NAME, mergeCommand } from '../manifest-step.ts'
import { goTemplateText, markerCommands } from '../marker.ts'
import type { DeriveOptions } from '../template.ts'
import type { JsonPlugin, JsonSource, JsonTemplate } from './json-template.ts'

/** The user's document with what runs for this source; the other builders stay, because overrides may name them. */
export function deriveJson(template: JsonTemplate, source: JsonSource, options: DeriveOptions): string {
  const { qemu, tmpdir } = options
  const redirected = redirecting(options.manifests)
  const manifest: JsonPlugin = { type: 'manifest', output: options.manifestFile }
  const chains = source.chains.length > 0 ? source.chains : [[]]
  const derived = {
    ...template.document,
    ...(template.document.variables && { variables: withTmpdirWritten(template.document.variables, tmpdir) }),
    builders: template.document.builders.map((one) =>
      qemu && one === source.builder ? qemuBuilder(source.builder, qemu) : one,
    ),
    provisioners: provisioners(source, options),
    'post-processors': chains.map((chain) =>
      chain.flatMap((one) => redirected(withTmpdir(one, tmpdir))).concat(manifest),
    ),
  }
  return `${JSON.stringify(derived, null, 2)}\n`
}

/**
 * Turns each manifest post-processor of the user's into a post-processor that writes for us, and the step behind it.
 */
function redirecting(manifests: DeriveOptions['manifests']): (plugin: JsonPlugin) => JsonPlugin[] {
  let count = 0
  return (plugin) => {
    if (plugin.type !== 'manifest') return [plugin]
    const step = count++
    const given = plugin['output']
    const path = typeof given === 'string' ? given : DEFAULT_MANIFEST
    const merge: JsonPlugin = {
      type: 'shell-local',
      name: MERGE_NAME,
      environment_vars: [`${MANIFEST_VARIABLE}=${path}`],
      inline: [mergeCommand(manifests, step)],
    }
    return [{ ...plugin, output: manifestFile(manifests.folder, step) }, merge]
  }
}

function provisioners(source: JsonSource, { from, eventsFile, qemu, tmpdir }: DeriveOptions): JsonPlugin[] {
  const marker = (steps: { ended?: number; started?: number }): JsonPlugin => ({
    type: 'shell-local',
    inline: markerCommands(eventsFile, steps, qemu?.checkpointCommand),
  })
  const ssh = (source.builder['communicator'] ?? 'ssh') === 'ssh'
  const sync: JsonPlugin[] = qemu && ssh ? [{ type: 'shell', inline: ['sync'] }] : []
  const last = source.provisioners.length - 1
  const all: JsonPlugin[] = []
  for (const [index, { body }] of source.provisioners.entries()) {
    if (index < from) continue
    if (index === from) all.push(marker({ started: index }))
    const next = index < last ? { ended: index, started: index + 1 } : { ended: index }
    all.push(withTmpdir(body, tmpdir), ...sync, marker(next))
  }
  return all
}

/**
 * Packer's own TMPDIR is not the user's: what the user wrote goes on to see the latter. The step's own variables win.
 */
function withTmpdir(plugin: JsonPlugin, tmpdir: string | undefined): JsonPlugin {
  const { type, environment_vars: given = [] } = plugin
  if (type !== 'shell-local' || tmpdir === undefined || !Array.isArray(given)) return plugin
  return { ...plugin, environment_vars: [`TMPDIR=${goTemplateText(tmpdir)}`, ...(given as unknown[])] }
}

function withTmpdirWritten(variables: Readonly<Record<string, unknown>>, tmpdir: string | undefined) {
  if (tmpdir === undefined) return variables
  const written = Object.entries(variables).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replace(TMPDIR_CALL, () => goTemplateText(tmpdir)) : value,
  ])
  return Object.fromEntries(written) as Record<string, unknown>
}

const TMPDIR_CALL = /\{\{-?\s*env\s+(?:`TMPDIR`|"TMPDIR")\s*-?\}\}/g

function qemuBuilder(builder: JsonPlugin, { baseImage, monitorFile }: NonNullable<DeriveOptions['qemu']>): JsonPlugin {
  const given = Array.isArray(builder['qemuargs']) ? (builder['qemuargs'] as unknown[]) : []
  const watched = { ...builder, qemuargs: [...given, ['-readconfig', goTemplateText(monitorFile)]] }
  if (baseImage === undefined) return watched
  const { iso_urls: _urls, boot_command: _command, boot_steps: _steps, ...rest } = watched as JsonPlugin
  return {
    ...rest,
    disk_image: true,
    iso_url: goTemplateText(baseImage),
    iso_checksum: 'none',
    // Packer's last copy makes an image of its own out of the layers; its own way to stand on one fails with QEMU 6.1
    // and later.
    skip_compaction: false,
    use_backing_file: false,
  }
}
