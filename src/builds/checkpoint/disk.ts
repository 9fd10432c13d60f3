/** The one disk of a running machine, as QEMU tells of it. */
import { basename } from 'node:path'
import { z } from 'zod'
import type { QmpClient } from './qmp.ts'
import { BuildError } from '../errors.ts'

const blocksSchema = z.array(
  z.object({
    device: z.string(),
    removable: z.boolean(),
    inserted: z
      .object({
        'node-name': z.string(),
        ro: z.boolean(),
        image: z.object({ 'virtual-size': z.number(), 'actual-size': z.number().default(0) }),
        backing_file: z.string().exactOptional(),
        'dirty-bitmaps': z.array(z.object({ name: z.string().default(''), count: z.number() })).default([]),
      })
      .exactOptional(),
  }),
)

export interface Disk {
  /** QEMU's name of it. */
  readonly node: string
  /** As the guest sees it. */
  readonly sizeBytes: number
  /** What its image file takes on the host's disk. */
  readonly usedBytes: number
  /** File name without ending of the image behind its own, or null. */
  readonly backing: string | null
  /** Bytes written since each bitmap was begun, by the bitmap's name. */
  readonly bitmaps: ReadonlyMap<string, number>
}

/**
 * Finds the disk. A firmware's variables (pflash), floppies and CDs are none.
 * @throws LAYER_FAILED when there is none or more than one: a layer would not be the whole machine.
 */
export async function findDisk(qmp: QmpClient): Promise<Disk> {
  const blocks = blocksSchema.parse(await qmp.execute('query-block'))
  const disks = blocks.flatMap(({ device, removable, inserted }) =>
    inserted && !removable && !inserted.ro && !device.startsWith('pflash') ? [inserted] : [],
  )
  const [disk, ...others] = disks
  if (!disk || others.length > 0) {
    throw new BuildError('LAYER_FAILED', `the machine has ${disks.length} disks; layers are made of exactly one`)
  }
  return {
    node: disk['node-name'],
    sizeBytes: disk.image['virtual-size'],
    usedBytes: disk.image['actual-size'],
    backing: disk.backing_file === undefined ? null : basename(disk.backing_file, '.qcow2'),
    bitmaps: new Map(disk['dirty-bitmaps'].map(({ name, count }) => [name, count])),
  }
}
