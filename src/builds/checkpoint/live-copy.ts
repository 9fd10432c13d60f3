/**
 * Copies a running machine's disk, as it is at one moment, without stopping the machine: QEMU's blockdev-backup copies
 * each old cluster before the guest may overwrite it. A dirty bitmap that begins at the same moment knows what to
 * copy the next time. https://www.qemu.org/docs/master/interop/live-block-operations.html
 *
 * All objects that this makes in QEMU have our prefix; leftovers of a copy that was killed are removed first.
 */
import { rmSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { formatBytes } from '../../base/index.ts'
import { findDisk, type Disk } from './disk.ts'
import type { Layer } from './layer.ts'
import type { LayerDraft, LayerStore } from './layer-store.ts'
import { createImage, createOverlay } from './qemu-img.ts'
import type { QmpClient } from './qmp.ts'
import { BuildError } from '../errors.ts'

const PREFIX = 'holdfast-'
const JOB = `${PREFIX}copy`
const TARGET = `${PREFIX}target`
/** Left free: a build whose own disk image cannot grow fails. */
const SPARE_BYTES = 64 * 1024 * 1024

const namesSchema = z.array(z.object({ 'node-name': z.string().default('') }))
const jobsSchema = z.array(z.object({ id: z.string(), status: z.string() }))

/** What the new layer holds: all that was written since `parent`, or everything. */
interface Scope {
  readonly parent: string | null
  readonly arguments: object
  /** At most this much will be copied. */
  readonly bytes: number
}

/**
 * Makes a layer of the disk as it is now. What it holds is what was written since the last layer of this same
 * machine, or since it was started from a layer, or everything.
 * @param step name of the provisioner that has just ended.
 * @throws LAYER_FAILED; the machine goes on as if nothing had been tried, and the next layer holds this one's share
 * too.
 */
export async function copyDisk(qmp: QmpClient, store: LayerStore, key: string, step: string): Promise<Layer> {
  await clearLeftovers(qmp)
  const disk = await findDisk(qmp)
  const scope = scopeOf(disk, store.list())
  const draft = store.draft(key)
  try {
    await requireSpace(draft.path, scope.bytes)
    if (scope.parent) await createOverlay(draft.path, `${scope.parent}.qcow2`, disk.sizeBytes)
    else await createImage(draft.path, disk.sizeBytes)
    await runBackup(qmp, disk.node, draft, scope)
    const layer = await store.publish(draft, { step, parent: scope.parent })
    for (const name of disk.bitmaps.keys()) if (name.startsWith(PREFIX)) await removeBitmap(qmp, disk.node, name)
    return layer
  } catch (error) {
    rmSync(draft.path, { force: true })
    await abandon(qmp, disk.node, draft.name)
    throw error
  }
}

/** A bitmap has the name of the layer that it began with: so it belongs to that layer's image for certain. */
function scopeOf(disk: Disk, layers: readonly Layer[]): Scope {
  const last = layers.find(({ name }) => disk.bitmaps.has(PREFIX + name))
  if (last) {
    const bitmap = PREFIX + last.name
    const bytes = disk.bitmaps.get(bitmap) ?? 0
    return { parent: last.name, arguments: { sync: 'bitmap', bitmap, 'bitmap-mode': 'never' }, bytes }
  }
  const base = layers.find(({ name }) => name === disk.backing)
  return { parent: base?.name ?? null, arguments: { sync: base ? 'top' : 'full' }, bytes: disk.usedBytes }
}

async function requireSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path))
  const free = bavail * bsize
  if (free >= bytes + SPARE_BYTES) return
  const needed = `${formatBytes(bytes)} and ${formatBytes(SPARE_BYTES)} to spare`
  throw new BuildError('LAYER_FAILED', `${dirname(path)} has ${formatBytes(free)} free, a layer may need ${needed}`, {
    hint: "'holdfast builds prune' removes layers that no build needs any more.",
  })
}

/** The copy and the new bitmap begin at the same moment, or neither does. */
async function runBackup(qmp: QmpClient, node: string, draft: LayerDraft, scope: Scope): Promise<void> {
  const file = { driver: 'file', filename: draft.path }
  await qmp.execute('blockdev-add', { driver: 'qcow2', 'node-name': TARGET, file })
  const bitmap = { node, name: PREFIX + draft.name }
  const backup = { 'job-id': JOB, device: node, target: TARGET, 'auto-dismiss': false, ...scope.arguments }
  const actions = [
    { type: 'block-dirty-bitmap-add', data: bitmap },
    { type: 'blockdev-backup', data: backup },
  ]
  await qmp.execute('transaction', { actions })
  await qmp.finishJob(JOB)
  // Closes the image, and so writes what QEMU still holds back.
  await qmp.execute('blockdev-del', { 'node-name': TARGET })
}

/** After a failure. QEMU itself may be gone, which is expected. */
async function abandon(qmp: QmpClient, node: string, name: string): Promise<void> {
  if (!qmp.isOpen) return
  await clearLeftovers(qmp)
  const { bitmaps } = await findDisk(qmp)
  if (bitmaps.has(PREFIX + name)) await removeBitmap(qmp, node, PREFIX + name)
  // A write of the guest that failed with the copy has stopped the machine; without the copy it succeeds.
  const { status } = z.object({ status: z.string() }).parse(await qmp.execute('query-status'))
  if (status === 'io-error') await qmp.execute('cont')
}

async function clearLeftovers(qmp: QmpClient): Promise<void> {
  const jobs = jobsSchema.parse(await qmp.execute('query-jobs'))
  const job = jobs.find(({ id }) => id === JOB)
  if (job) {
    if (job.status !== 'concluded') await qmp.execute('job-cancel', { id: JOB })
    await qmp.endJob(JOB)
  }
  const nodes = namesSchema.parse(await qmp.execute('query-named-block-nodes', { flat: true }))
  if (nodes.some((node) => node['node-name'] === TARGET)) await qmp.execute('blockdev-del', { 'node-name': TARGET })
}

async function removeBitmap(qmp: QmpClient, node: string, name: string): Promise<void> {
  await qmp.execute('block-dirty-bitmap-remove', { node, name })
}
