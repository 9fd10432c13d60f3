/** Taking a layer while Packer builds: what its template's `shell-local` after each provisioner runs. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { formatBytes, messageOf, modulePath } from '../../base/index.ts'
import { writeDurably } from '../../storage/index.ts'
import { copyDisk } from './live-copy.ts'
import { LayerStore } from './layer-store.ts'
import { QmpClient } from './qmp.ts'

const planSchema = z.object({
  /** Absolute. */
  layersFolder: z.string(),
  /** Absolute. */
  qmpSocket: z.string(),
  /** A checkpoint for each provisioner with a certain key, from the first on, skipped provisioners included. */
  steps: z.array(z.object({ key: z.string(), name: z.string() })),
})

/** What there is to know for the layers of one run. */
export type CheckpointPlan = Readonly<z.infer<typeof planSchema>>

/**
 * Writes the plan to a file of its own.
 * @returns the command that, with the number of a provisioner behind it, keeps the disk as it is after that
 * provisioner.
 */
export function planCheckpoints(path: string, plan: CheckpointPlan): readonly string[] {
  writeDurably(path, JSON.stringify(plan))
  return [process.execPath, modulePath('builds/checkpoint/command'), path]
}

/**
 * Keeps a layer. Without one a build is slower the next time and no worse: what goes wrong is said, and never fails a
 * build.
 * @param index of the provisioner that has ended.
 * @returns a sentence for the build's log.
 */
export async function takeCheckpoint(planPath: string, index: number): Promise<string> {
  const startedAt = performance.now()
  try {
    const plan = planSchema.parse(JSON.parse(readFileSync(planPath, 'utf8')))
    const step = plan.steps[index]
    if (!step) throw new Error('only a run can tell what it does, so no later build could go on from there')
    using qmp = await QmpClient.connect(plan.qmpSocket)
    const layer = await copyDisk(qmp, new LayerStore(plan.layersFolder), step.key, step.name)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    return `Holdfast kept a layer of ${formatBytes(layer.sizeBytes)} after '${step.name}' in ${seconds} s`
  } catch (error) {
    return `Holdfast kept no layer after provisioner ${index + 1}: ${messageOf(error)}`
  }
}
