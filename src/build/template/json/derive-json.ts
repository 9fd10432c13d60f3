/** The template of one run in the legacy JSON form. */
import { goTemplateText, markerCommands } from '../marker.ts'
import type { DeriveOptions } from '../template.ts'
import type { JsonPlugin, JsonSource, JsonTemplate } from './json-template.ts'

/** The user's document with what runs for this source; the other builders stay, because overrides may name them. */
export function deriveJson(template: JsonTemplate, source: JsonSource, options: DeriveOptions): string {
  const { qemu } = options
  const manifest: JsonPlugin = { type: 'manifest', output: options.manifestFile }
  const chains = source.chains.length > 0 ? source.chains : [[]]
  const derived = {
    ...template.document,
    builders: template.document.builders.map((one) =>
      qemu && one === source.builder ? qemuBuilder(source.builder, qemu) : one,
    ),
    provisioners: provisioners(source, options),
    'post-processors': chains.map((chain) => chain.concat(manifest)),
  }
  return `${JSON.stringify(derived, null, 2)}\n`
}

function provisioners(source: JsonSource, { from, eventsFile, qemu }: DeriveOptions): JsonPlugin[] {
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
    all.push(body, ...sync, marker(next))
  }
  return all
}

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
    // Packer's last copy makes an image of its own out of the layers; its own way to stand on one fails with QEMU 6.1 and later.
    skip_compaction: false,
    use_backing_file: false,
  }
}
