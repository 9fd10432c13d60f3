/** The layers on disk: which one is found, what damage does, what goes and what stays. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LayerStore } from '../../src/builds/checkpoint/layer-store.ts'
import type { Layer } from '../../src/builds/checkpoint/layer.ts'
import { QemuLayers } from '../../src/builds/index.ts'
import { createImage, createOverlay } from '../../src/builds/checkpoint/qemu-img.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { qemuImg } from './support/blank-machine.ts'

const skip = spawnSync('qemu-img', ['--version']).status === 0 ? false : 'there is no qemu-img here'

function newStore() {
  const folder = tempFolder('layer-store')
  const layers = join(folder, 'layers')
  const store = new LayerStore(layers)
  const make = async (key: string, parent: Layer | null = null) => {
    const draft = store.draft(key)
    if (parent) await createOverlay(draft.path, `${parent.name}.qcow2`)
    else await createImage(draft.path, 1_048_576)
    // Names are random, so the time alone tells which is newer.
    await sleep(2)
    return store.publish(draft, { step: key, parent: parent?.name ?? null })
  }
  const damaged: string[] = []
  const newest = async (...steps: string[]) => {
    const found = await store.newest(steps, (layer, reason) => damaged.push(`${layer.key}: ${reason}`))
    return found && `${found.from} ${found.layer.key}`
  }
  return { folder, layers, store, make, newest, damaged }
}

describe('the newest layer', { skip }, () => {
  it('belongs to the last step that has a layer', async () => {
    const { make, newest, store } = newStore()
    equal(await newest('a', 'b'), null)
    const a = await make('a')
    await make('c', await make('b', a))
    equal(await newest('a', 'b', 'c', 'd'), '3 c')
    equal(await newest('a', 'x', 'y'), '1 a')
    equal(await newest('x', 'b'), '2 b')
    equal(await newest('x'), null)
    const again = await make('a')
    equal((await store.newest(['a'], () => {}))?.layer.name, again.name)
  })

  for (const { what, damage } of [
    { what: 'changed in place', damage: (image: string) => writeFileSync(image, 'x', { flag: 'r+' }) },
    { what: 'longer', damage: (image: string) => appendFileSync(image, 'x') },
    { what: 'cut off', damage: (image: string) => truncateSync(image, 1000) },
    { what: 'gone', damage: (image: string) => rmSync(image) },
  ]) {
    it(`is an older one when an image is ${what}`, async () => {
      const { make, newest, store, damaged } = newStore()
      const a = await make('a')
      const b = await make('b', a)
      damage(store.imageOf(b.name))
      equal(await newest('a', 'b'), '1 a')
      match(damaged.join(), /^b: .*(changed|bytes in place of|cannot be read)/)
      deepEqual(store.list(), [a])
      await make('b', a)
      equal(await newest('a', 'b'), '2 b')
    })
  }

  it('is absent when all layers stand on a damaged one', async () => {
    const { make, newest, store, damaged } = newStore()
    const a = await make('a')
    await make('c', await make('b', a))
    rmSync(store.imageOf(a.name))
    equal(await newest('a', 'b', 'c'), null)
    equal(damaged.length, 3)
    match(damaged[0] ?? '', /stands on a layer that cannot be used/)
    // A new layer under the same key is not their parent.
    await make('a')
    equal(await newest('a', 'b', 'c'), '1 a')
  })

  it('is never a retired layer; layers above a retired one stay whole', async () => {
    const { make, newest, store, damaged } = newStore()
    await make('b', await make('a'))
    store.retire(new Set(['a']))
    equal(await newest('a'), null)
    equal(await newest('a', 'b'), '2 b')
    store.prune(new Set(['b']))
    equal(await newest('a', 'b'), '2 b')
    await make('a')
    equal(await newest('a'), '1 a')
    deepEqual(damaged, [])
  })

  it('is never half a layer', async () => {
    const { layers, make, newest, store } = newStore()
    const a = await make('a')
    store.draft('b')
    writeFileSync(join(layers, 'b-12345678.json'), JSON.stringify({ ...a, key: 'b' }))
    writeFileSync(join(layers, 'c-12345678.json'), JSON.stringify({ ...a, key: 'c' }).slice(0, 100))
    writeFileSync(join(layers, 'd-12345678.qcow2'), 'an image without its JSON')
    equal(await newest('a', 'b', 'c', 'd'), '1 a')
  })
})

describe('the base image of a layer', { skip }, () => {
  it('survives when the layer is pruned, and leaves it unchanged', async () => {
    const { folder, make, store } = newStore()
    const b = await make('b', await make('a'))
    const run = join(folder, "a run's “folder”, with spaces")
    mkdirSync(run)
    const image = await store.baseImageFor(b, run)
    equal(store.prune(new Set()).paths.length, 4)
    equal(spawnSync('qemu-io', ['-c', 'write -P 1 0 1M', image]).status, 0)
    const chain = JSON.parse(qemuImg('info', '--backing-chain', '--output=json', image)) as unknown[]
    equal(chain.length, 3)
    await rejects(store.baseImageFor(b, join(folder, 'late')), { code: 'LAYER_FAILED' })
  })
})

describe('the base image on another file system', { skip }, () => {
  it('stands on the layer itself', async (t) => {
    const { make, store } = newStore()
    const a = await make('a')
    const other = mkdtempSync('/dev/shm/holdfast-layers-')
    after(() => rmSync(other, { recursive: true }))
    if (statSync(other).dev === statSync(store.imageOf(a.name)).dev) {
      t.skip('it is the same file system here')
      return
    }
    const image = await store.baseImageFor(a, join(other, 'base'))
    match(qemuImg('info', image), new RegExp(`backing file: ${store.imageOf(a.name)}`))
  })
})

describe('layers that Packer could not read', () => {
  it('are not used, and the build says so', async () => {
    const notes: string[] = []
    const layers = new QemuLayers(join(tempFolder('layer-store'), '100 %41'), 'default')
    equal(await layers.newest([{ key: 'a', name: 'first' }], (note) => notes.push(note)), null)
    match(notes.join(), /uses no layers: .*%41/)
  })
})

describe('prune', { skip }, () => {
  it('keeps the newest layer of each key and all layers below it', async () => {
    const { layers, make, newest, store } = newStore()
    const a = await make('a')
    const old = await make('b', a)
    const b = await make('b', a)
    const c = await make('c', b)
    const d = await make('d', old)
    const dead = [old, d].flatMap(({ name }) => [store.imageOf(name), join(layers, `${name}.json`)])
    const planned = store.prune(new Set(['c', 'nothing']), true)
    deepEqual(planned.paths.toSorted(), dead.toSorted())
    equal(
      planned.sizeBytes,
      dead.reduce((sum, path) => sum + statSync(path).size, 0),
    )
    equal(store.list().length, 5)
    deepEqual(store.prune(new Set(['c', 'nothing'])), planned)
    deepEqual(store.list(), [c, b, a])
    equal(await newest('a', 'b', 'c'), '3 c')
    equal(store.prune(new Set()).paths.length, 6)
  })

  it('removes leftovers of dead builds, and nothing of a living build', async () => {
    const { layers, make, store } = newStore()
    const a = await make('a')
    const dead = spawnSync('true').pid
    const mine = store.draft('b').path
    for (const file of [mine, join(layers, `b-x.${dead}.part`), join(layers, 'b-12345678.qcow2')])
      writeFileSync(file, '')
    store.prune(new Set(['a']))
    // The image may be getting its JSON file this very moment.
    deepEqual(
      readdirSync(layers).filter((file) => !file.startsWith(a.name)),
      ['b-12345678.qcow2', mine.slice(layers.length + 1)].toSorted(),
    )
    equal(existsSync(store.imageOf(a.name)), true)
  })
})
