/**
 * Layers: disks as they were after each provisioner, under the hash of all that led to them. An image holds what
 * differs from its parent's; the parents are named in the image itself (QEMU reads through them) and in the JSON file
 * beside it.
 *
 * A layer exists once its JSON file does, and its image is never written again: a new layer from the same
 * inputs gets a name of its own, so that an image keeps the backing image that it was made on.
 */
import { createHash } from 'node:crypto'
import { createReadStream, linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, parse, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { IDENTITY_NAME, identityName, livenessOfName, messageOf, randomId, systemErrorCode } from '../../base/index.ts'
import { makeFolder, syncFile, writeDurably } from '../../storage/index.ts'
import { formatLayer, parseLayer, type Layer } from './layer.ts'
import { createOverlay } from './qemu-img.ts'
import { BuildError } from '../errors.ts'

const ID_LENGTH = 8
/** Error codes for "no hard link possible": another file system, or a file system without hard links. */
const NO_LINKS = ['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK']
/** An image gets its name a moment before its JSON file has it; after this long no process is between the two. */
const ORPHAN_AGE_MS = 60_000
/** No process writes an image for so long without a change to it. */
const UNKNOWN_MAKER_MS = 24 * 60 * 60 * 1000
const DRAFT = new RegExp(String.raw`\.(${IDENTITY_NAME})\.part$`)

/** An image in the making. */
export interface LayerDraft {
  readonly name: string
  readonly key: string
  /** Where to write it: in the folder of all layers, so that it finds its parent by the file name alone. Absolute. */
  readonly path: string
}

export class LayerStore {
  readonly #folder: string

  /** @param folder of all layers; made with the first of them. */
  constructor(folder: string) {
    this.#folder = resolve(folder)
  }

  /** All layers, the newest first, those whose images are damaged too. */
  list(): Layer[] {
    const layers = this.#files().flatMap((file) => (file.endsWith('.json') ? (this.#read(file) ?? []) : []))
    return layers.toSorted((a, b) => b.created.localeCompare(a.created))
  }

  /** Absolute path of a layer's image, or of a parent's by its name. Only to be read. */
  imageOf(name: string): string {
    return join(this.#folder, `${name}.qcow2`)
  }

  /**
   * The layer that saves most: the whole layer of the latest step that has one, its parents included. Each of its
   * backing images is read and its hash compared; damaged layers are removed, because nothing mends them.
   * @param steps keys in the order of the provisioners.
   * @param onDamage is told what is removed, and why.
   * @returns it, and the number of the first provisioner that still has to run.
   */
  async newest(
    steps: readonly string[],
    onDamage: (layer: Layer, reason: string) => void,
  ): Promise<{ from: number; layer: Layer } | null> {
    const layers = this.list()
    const faults = new Map<string, string | null>()
    for (let index = steps.length - 1; index >= 0; index -= 1) {
      for (const layer of layers.filter(({ key }) => key === steps[index])) {
        const fault = await this.#faultOf(layer.name, layers, faults)
        if (fault === null) return { from: index + 1, layer }
        onDamage(layer, fault)
        this.#remove(layer.name)
      }
    }
    return null
  }

  /**
   * A disk image for a machine to go on with: empty itself, with the layer behind it, so that nothing is copied and the
   * layer is only read. It stands on hard links of its own: a `prune` meanwhile takes nothing away from it.
   * @param folder of its own; made. On another file system than the layers there are no links, and a `prune` may hurt.
   * @returns the absolute path of a qcow2 image that may be copied anywhere on this host.
   * @throws LAYER_FAILED when the layer is gone or the image cannot be made.
   */
  async baseImageFor(layer: Layer, folder: string): Promise<string> {
    const base = resolve(folder)
    makeFolder(base)
    const chain = chainOf(layer.name, this.list())
    const image = join(base, 'disk.qcow2')
    await createOverlay(image, this.#borrow(layer.name, chain, base))
    return image
  }

  /** @returns the layer's image in `folder`, or the layer's own where no hard links can be made. */
  #borrow(name: string, chain: readonly Layer[], folder: string): string {
    const linked = join(folder, `${name}.qcow2`)
    try {
      for (const layer of chain) linkSync(this.imageOf(layer.name), join(folder, `${layer.name}.qcow2`))
      return linked
    } catch (error) {
      if (NO_LINKS.includes(systemErrorCode(error) ?? '')) return this.imageOf(name)
      throw new BuildError('LAYER_FAILED', `the layer ${name} cannot be used: ${messageOf(error)}`, { cause: error })
    }
  }

  /**
   * Has the layers of these keys found no more, because they are to be made anew; what stands on them stays as it is.
   */
  retire(keys: ReadonlySet<string>): void {
    for (const layer of this.list()) {
      if (keys.has(layer.key)) writeDurably(this.#aboutOf(layer.name), formatLayer({ ...layer, key: '' }))
    }
  }

  /** Where to write a new image. @throws DATA_FOLDER_UNUSABLE. */
  draft(key: string): LayerDraft {
    makeFolder(this.#folder)
    const name = `${key}-${randomId(ID_LENGTH)}`
    return { name, key, path: join(this.#folder, `${name}.${identityName()}.part`) }
  }

  /** Makes a layer of a finished draft. Durable when it returns; a crash before leaves no layer. */
  async publish(draft: LayerDraft, { step, parent }: Pick<Layer, 'step' | 'parent'>): Promise<Layer> {
    const sha256 = await hashFile(draft.path)
    syncFile(draft.path)
    const { name, key } = draft
    const sizeBytes = statSync(draft.path).size
    const layer: Layer = { name, key, parent, step, created: new Date().toISOString(), sizeBytes, sha256 }
    renameSync(draft.path, this.imageOf(name))
    writeDurably(this.#aboutOf(name), formatLayer(layer))
    return layer
  }

  /**
   * Removes all layers but the newest of each key to be kept, and what those stand on; what a dead build left
   * half-made too.
   * @param isDry removes nothing.
   * @returns the absolute paths of the files that go, and their bytes together.
   */
  prune(keep: ReadonlySet<string>, isDry = false): { paths: string[]; sizeBytes: number } {
    const layers = this.list()
    const newest = [...keep].flatMap((key) => layers.find((layer) => layer.key === key) ?? [])
    const living = new Set(newest.flatMap(({ name }) => chainOf(name, layers).map((layer) => layer.name)))
    const dead = layers.filter(({ name }) => !living.has(name))
    // The JSON file first: without it there is no layer.
    const paths = [...dead.flatMap(({ name }) => [this.#aboutOf(name), this.imageOf(name)]), ...this.#leftovers(layers)]
    const sizeBytes = paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
    if (!isDry) for (const path of paths) rmSync(path, { force: true })
    return { paths, sizeBytes }
  }

  /** Drafts whose makers are dead, and what is half of a layer. */
  #leftovers(layers: readonly Layer[]): string[] {
    const names = new Set(layers.map(({ name }) => name))
    return this.#files()
      .filter((file) => {
        const path = join(this.#folder, file)
        const maker = DRAFT.exec(file)?.[1]
        if (maker === undefined) return !names.has(parse(file).name) && isOld(path, ORPHAN_AGE_MS)
        const alive = livenessOfName(maker)
        return alive === 'dead' || (alive === 'unknown' && isOld(path, UNKNOWN_MAKER_MS))
      })
      .map((file) => join(this.#folder, file))
  }

  /** Why the layer cannot be used, or null. */
  async #faultOf(name: string, layers: Layer[], known: Map<string, string | null>): Promise<string | null> {
    const seen = known.get(name)
    if (seen !== undefined) return seen
    const layer = layers.find((candidate) => candidate.name === name)
    let fault = layer ? await this.#damageOf(layer) : `the layer ${name} is missing`
    if (layer?.parent && fault === null) {
      const below = await this.#faultOf(layer.parent, layers, known)
      fault = below && `it stands on a layer that cannot be used: ${below}`
    }
    known.set(name, fault)
    return fault
  }

  async #damageOf(layer: Layer): Promise<string | null> {
    const image = this.imageOf(layer.name)
    try {
      const { size } = statSync(image)
      if (size !== layer.sizeBytes) return `${image} has ${size} bytes in place of ${layer.sizeBytes}`
      return (await hashFile(image)) === layer.sha256 ? null : `the bytes of ${image} have changed`
    } catch (error) {
      return `${image} cannot be read: ${messageOf(error)}`
    }
  }

  #read(file: string): Layer | null {
    try {
      const layer = parseLayer(readFileSync(join(this.#folder, file), 'utf8'))
      return layer && file === `${layer.name}.json` ? layer : null
    } catch (error) {
      // Another build has pruned it since the folder was listed.
      if (systemErrorCode(error) === 'ENOENT') return null
      throw error
    }
  }

  /** The JSON file first: without it there is no layer. */
  #remove(name: string): void {
    rmSync(this.#aboutOf(name), { force: true })
    rmSync(this.imageOf(name), { force: true })
  }

  #aboutOf(name: string): string {
    return join(this.#folder, `${name}.json`)
  }

  #files(): string[] {
    try {
      return readdirSync(this.#folder)
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return []
      throw error
    }
  }
}

/** The layer and all that it stands on. A name that is not there ends the chain. */
function chainOf(name: string | null, layers: readonly Layer[]): Layer[] {
  const layer = layers.find((candidate) => candidate.name === name)
  return layer ? [layer, ...chainOf(layer.parent, layers)] : []
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}

function isOld(path: string, ageMs: number): boolean {
  const changed = statSync(path, { throwIfNoEntry: false })?.ctimeMs
  return changed !== undefined && changed < Date.now() - ageMs
}
