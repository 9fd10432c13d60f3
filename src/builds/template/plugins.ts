import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { systemErrorCode } from '../../base/index.ts'
import type { Packer } from '../packer.ts'

const PLUGIN_NAME = /^packer-(?:plugin|builder|provisioner|post-processor)-(?<name>.+?)(?:_v\d.*)?(?:\.exe)?$/
/** github.com/hashicorp/qemu/packer-plugin-qemu_v1.1.0_x5.0_linux_amd64 */
const DEPTH = 3

/**
 * The plugins' programs that Packer would find and that provide one of these types (`amazon` provides `amazon-ebs`);
 * types built into Packer have none. Source: developer.hashicorp.com/packer/docs/configure, "plugin directory".
 */
export async function findPlugins(
  packer: Packer,
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
  types: readonly string[],
): Promise<string[]> {
  const home = env['HOME'] ?? homedir()
  const deep = [
    ...(env['PACKER_PLUGIN_PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
    join(env['PACKER_CONFIG_DIR'] ?? home, '.packer.d/plugins'),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'packer/plugins'),
  ]
  const found: string[] = []
  for (const folder of deep) found.push(...(await pluginsIn(folder, DEPTH)))
  for (const folder of [cwd, dirname(packer.path)]) found.push(...(await pluginsIn(folder, 0)))
  return [...new Set(found)].toSorted().filter((path) => {
    const name = PLUGIN_NAME.exec(path.slice(path.lastIndexOf('/') + 1))?.groups?.['name']
    return name !== undefined && types.some((type) => type === name || type.startsWith(`${name}-`))
  })
}

async function pluginsIn(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    // A folder that cannot be read holds nothing that Packer could use.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemErrorCode(error) ?? '')) return []
    throw error
  })
  const found: string[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && depth > 0) found.push(...(await pluginsIn(path, depth - 1)))
    else if (!entry.isDirectory() && PLUGIN_NAME.test(entry.name)) found.push(path)
  }
  return found
}
