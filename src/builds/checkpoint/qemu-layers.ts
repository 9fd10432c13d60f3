/** Checkpoints of the qemu builder: layers of its machine's disk. */
import { basename, join, resolve } from 'node:path'
import { writeDurably } from '../../storage/index.ts'
import type { CheckpointStep, CheckpointStore } from '../checkpoints.ts'
import type { RunFolder } from '../run-folder.ts'
import type { DeriveOptions } from '../template/index.ts'
import { planCheckpoints } from './checkpoint.ts'
import { LayerStore } from './layer-store.ts'
import { BuildError } from '../errors.ts'

export class QemuLayers implements CheckpointStore {
  readonly #folder: string
  readonly #store: LayerStore

  /** The layers of a state's builds: `<data>/layers/<state>`. */
  constructor(dataFolder: string, stateName: string) {
    this.#folder = join(resolve(dataFolder), 'layers', stateName)
    this.#store = new LayerStore(this.#folder)
  }

  async newest(
    steps: readonly CheckpointStep[],
    onNote: (text: string) => void,
  ): Promise<{ from: number; baseImage: string } | null> {
    if (/[%#?]/.test(this.#folder)) {
      onNote(`uses no layers: Packer takes images from no path with '%', '#' or '?', as in ${this.#folder}`)
      return null
    }
    const keys = steps.map(({ key }) => key)
    const found = await this.#store.newest(keys, (layer, reason) =>
      onNote(`removed the damaged layer after '${layer.step}': ${reason}`),
    )
    return found && { from: found.from, baseImage: this.#store.imageOf(found.layer.name) }
  }

  async prepare(
    run: RunFolder,
    steps: readonly CheckpointStep[],
    baseImage?: string,
  ): Promise<NonNullable<DeriveOptions['qemu']>> {
    const qmpSocket = run.monitorSocket
    const monitorFile = join(run.path, 'monitor.conf')
    writeDurably(monitorFile, monitorConfig(qmpSocket))
    const plan = { layersFolder: this.#folder, qmpSocket, steps: [...steps] }
    const checkpointCommand = planCheckpoints(join(run.path, 'checkpoints.json'), plan)
    if (baseImage === undefined) {
      this.retire(new Set(steps.map(({ key }) => key)))
      return { monitorFile, checkpointCommand }
    }
    const layer = this.#store.list().find(({ name }) => name === basename(baseImage, '.qcow2'))
    if (!layer) throw new BuildError('LAYER_FAILED', `the layer ${baseImage} has been removed`, { retryable: true })
    return { monitorFile, checkpointCommand, baseImage: await this.#store.baseImageFor(layer, run.base) }
  }

  retire(keys: ReadonlySet<string>): void {
    this.#store.retire(keys)
  }

  prune(keys: ReadonlySet<string>, isDry: boolean): { paths: readonly string[]; sizeBytes: number } {
    return this.#store.prune(keys, isDry)
  }
}

/**
 * For `-readconfig` of QEMU: the only option that neither Packer nor a template needs for itself, where `-qmp` would
 * take the place of Packer's own.
 */
function monitorConfig(socket: string): string {
  return `[chardev "holdfast"]
  backend = "socket"
  path = "${socket}"
  server = "on"
  wait = "off"

[mon "holdfast"]
  chardev = "holdfast"
  mode = "control"
`
}
