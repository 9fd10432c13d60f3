/** Layers of a real QEMU's disk, without a guest: what they hold, and that no accident leaves a wrong one. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { planCheckpoints } from '../../src/builds/checkpoint/checkpoint.ts'
import { LayerStore } from '../../src/builds/checkpoint/layer-store.ts'
import { QmpClient } from '../../src/builds/checkpoint/qmp.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { rounds } from '../support/soak.ts'
import { qemuImg, startBlankMachine, type BlankMachine } from './support/blank-machine.ts'

const skip = spawnSync('qemu-system-x86_64', ['--version']).status === 0 ? false : 'there is no QEMU here'
const KEYS = ['1111', '2222', '3333']

/** The command that takes a layer of the machine, as a template would run it; `take` returns what it said. */
function checkpoints(folder: string, machine: BlankMachine, layersFolder = join(folder, 'layers')) {
  const steps = KEYS.map((key) => ({ key, name: `step ${key}` }))
  const [node = '', ...args] = planCheckpoints(join(folder, 'plan.json'), {
    layersFolder,
    qmpSocket: machine.qmpSocket,
    steps,
  })
  const start = (index: number) => spawn(node, [...args, String(index)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const take = async (index: number): Promise<string> => {
    const child = start(index)
    let said = ''
    child.stdout.on('data', (data: Buffer) => (said += data.toString()))
    const [status] = (await once(child, 'close')) as [number]
    equal(status, 0)
    return said
  }
  return {
    store: new LayerStore(layersFolder),
    start,
    take,
  }
}

function blankDisk(folder: string, size = '256M'): string {
  const path = join(folder, 'disk.qcow2')
  qemuImg('create', '-q', '-f', 'qcow2', path, size)
  return path
}

/** A file system of 100 MB, or null where nothing may be mounted. */
function smallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-small-'))
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=100M', 'none', folder]).status === 0
  after(() => {
    if (isMounted) spawnSync('umount', ['-l', folder])
    rmdirSync(folder)
  })
  return isMounted ? folder : null
}

/** Waits until the maker of a layer is in the middle of its copy. @returns false when it has ended unseen. */
async function untilCopying(layersFolder: string, maker: ChildProcess): Promise<boolean> {
  // What makers that were killed have left is there still.
  const before = new Set(readdirSync(layersFolder))
  const isHalf = (file: string) => {
    const size = statSync(join(layersFolder, file), { throwIfNoEntry: false })?.size ?? 0
    return file.endsWith('.part') && !before.has(file) && size > 1_000_000 && size < 90_000_000
  }
  while (maker.exitCode === null) {
    if (readdirSync(layersFolder).some(isHalf)) return true
    await sleep(1)
  }
  return false
}

function isSame(image: string, other: string): boolean {
  return spawnSync('qemu-img', ['compare', image, other]).status === 0
}

async function newestOf(store: LayerStore, keys = KEYS) {
  const newest = await store.newest(keys, (layer, reason) => {
    throw new Error(`${layer.name}: ${reason}`)
  })
  ok(newest)
  return newest
}

describe('a layer', { skip }, () => {
  it('holds what changed since the one before: data, zeros, discarded ranges', async () => {
    const folder = tempFolder('layers')
    const machine = await startBlankMachine(folder, blankDisk(folder))
    const { store, take } = checkpoints(folder, machine)
    await machine.io('write -P 0x11 0 8M')
    match(await take(0), /kept a layer of 8\.\d+ MB after 'step 1111'/)
    await machine.io('write -P 0x22 1M 64k')
    await machine.io('write -z 2M 1M')
    await machine.io('discard 4M 1M')
    await take(1)
    const { layer, from } = await newestOf(store)
    await machine.quit()
    equal(from, 2)
    match(qemuImg('compare', store.imageOf(layer.name), machine.disk), /identical/)
    match(qemuImg('check', store.imageOf(layer.name)), /No errors/)
    ok(layer.sizeBytes < 1_000_000, `${layer.sizeBytes}`)
    equal(layer.parent, store.list().at(-1)?.name)
  })

  it('stands on the layer from which its machine was started', async () => {
    const folder = tempFolder('layers')
    const first = await startBlankMachine(folder, blankDisk(folder))
    const { store, take } = checkpoints(folder, first)
    await first.io('write -P 0x11 0 8M')
    await take(0)
    await first.quit()
    const base = await newestOf(store)
    const second = await startBlankMachine(folder, await store.baseImageFor(base.layer, folder))
    await second.io('write -P 0x22 16M 64k')
    await checkpoints(folder, second).take(1)
    const { layer } = await newestOf(store)
    await second.io('write -P 0x33 32M 64k')
    await second.quit()
    equal(layer.parent, base.layer.name)
    ok(layer.sizeBytes < 1_000_000, `${layer.sizeBytes}`)
    execFileSync('qemu-io', ['-r', '-c', 'read -P 0x11 0 8M', '-c', 'read -P 0x22 16M 64k', store.imageOf(layer.name)])
    execFileSync('qemu-io', ['-r', '-c', 'read -P 0 32M 64k', store.imageOf(layer.name)])
    execFileSync('qemu-io', ['-r', '-c', 'read -P 0 16M 64k', store.imageOf(base.layer.name)])
  })

  it('is made from a raw disk too, without its empty parts', async () => {
    const folder = tempFolder('layers')
    const disk = join(folder, 'disk.raw')
    qemuImg('create', '-q', '-f', 'raw', disk, '1G')
    const machine = await startBlankMachine(folder, disk)
    const { store, take } = checkpoints(folder, machine)
    await machine.io('write -P 0x11 512M 1M')
    await take(0)
    await machine.io('write -P 0x22 100M 64k')
    await take(1)
    await machine.quit()
    const { layer } = await newestOf(store)
    match(qemuImg('compare', '-F', 'raw', store.imageOf(layer.name), disk), /identical/)
    deepEqual(
      store.list().map(({ sizeBytes }) => sizeBytes < 3_000_000),
      [true, true],
    )
  })

  it('is never a wrong one, whenever its maker is killed', async () => {
    const folder = tempFolder('layers')
    const machine = await startBlankMachine(folder, blankDisk(folder))
    const { store, start, take } = checkpoints(folder, machine)
    await machine.io('write -P 0x11 0 100M')
    const startedAt = performance.now()
    await take(0)
    const neededMs = performance.now() - startedAt
    const killed = rounds({ quick: 4, soak: 24 })
    for (let round = 0; round < killed; round += 1) {
      await machine.io(`write -P ${round + 1} ${round}M 1M`)
      const maker = start(round % 2)
      const ended = once(maker, 'exit')
      // Much of the time is Node's own start.
      await sleep(neededMs * (0.5 + (0.6 * round) / killed))
      maker.kill('SIGKILL')
      await ended
    }
    // And surely once in the middle of the copy.
    let isCutShort = false
    for (let round = 0; !isCutShort; round += 1) {
      ok(round < 20, 'no maker was seen in the middle of its copy')
      await machine.io('write -P 0x55 100M 100M')
      const maker = start(1)
      const ended = once(maker, 'exit')
      isCutShort = await untilCopying(join(folder, 'layers'), maker)
      maker.kill('SIGKILL')
      await ended
    }
    match(await take(2), /kept a layer/)
    const { layer, from } = await newestOf(store)
    await machine.quit()
    equal(from, 3)
    match(qemuImg('compare', store.imageOf(layer.name), machine.disk), /identical/)
    store.prune(new Set(KEYS))
    deepEqual(
      readdirSync(join(folder, 'layers')).filter((file) => file.endsWith('.part')),
      [],
    )
  })

  it('stands on its own machine’s, though another makes the same at once', async () => {
    const layersFolder = join(tempFolder('layers'), 'both')
    const makers: (ReturnType<typeof checkpoints> & { pattern: number; machine: BlankMachine })[] = []
    for (const pattern of [0x11, 0x22]) {
      const folder = tempFolder('layers')
      const machine = await startBlankMachine(folder, blankDisk(folder))
      makers.push({ pattern, machine, ...checkpoints(folder, machine, layersFolder) })
    }
    for (const index of [0, 1]) {
      for (const { machine, pattern } of makers) await machine.io(`write -P ${pattern} ${index * 8}M 8M`)
      await Promise.all(makers.map(({ take }) => take(index)))
    }
    const store = new LayerStore(layersFolder)
    for (const { machine } of makers) await machine.quit()
    const found = store
      .list()
      .filter(({ key }) => key === KEYS[1])
      .map(({ name }) => makers.findIndex(({ machine }) => isSame(store.imageOf(name), machine.disk)))
    deepEqual(new Set(found), new Set([0, 1]))
  })

  it('is not made of two disks, nor of a missing machine; the build goes on', async () => {
    const folder = tempFolder('layers')
    const second = join(folder, 'second.qcow2')
    qemuImg('create', '-q', '-f', 'qcow2', second, '1M')
    const machine = await startBlankMachine(folder, blankDisk(folder), second)
    const { store, take } = checkpoints(folder, machine)
    match(await take(0), /kept no layer after provisioner 1: the machine has 2 disks/)
    match(await take(7), /kept no layer after provisioner 8: only a run can tell/)
    await machine.quit()
    match(await take(0), /kept no layer .*QEMU cannot be reached/)
    deepEqual(store.list(), [])
  })

  it('is not made on a disk with too little space; the next one holds its share', async (t) => {
    const small = smallDisk()
    if (!small) {
      t.skip('nothing may be mounted here')
      return
    }
    const folder = tempFolder('layers')
    const machine = await startBlankMachine(folder, blankDisk(folder))
    const { store, take } = checkpoints(folder, machine, small)
    await machine.io('write -P 0x11 0 1M')
    await take(0)
    const filler = join(small, 'filler')
    writeFileSync(filler, Buffer.alloc(40_000_000))
    await machine.io('write -P 0x22 1M 1M')
    match(await take(1), /kept no layer after provisioner 2: .* free, a layer may need/)
    rmSync(filler)
    await machine.io('write -P 0x33 2M 1M')
    await take(2)
    await machine.quit()
    const { layer } = await newestOf(store)
    equal(layer.parent, store.list()[1]?.name)
    match(qemuImg('compare', store.imageOf(layer.name), machine.disk), /identical/)
    ok(layer.sizeBytes < 3_000_000)
  })
})

describe('the QMP client', { skip }, () => {
  it('gives QEMU’s own words when a command is refused', async () => {
    const folder = tempFolder('qmp')
    const machine = await startBlankMachine(folder, blankDisk(folder, '1M'))
    using qmp = await QmpClient.connect(machine.qmpSocket)
    await rejectsWith(qmp.execute('blockdev-del', { 'node-name': 'nobody' }), /refused blockdev-del: .*nobody/)
    const answers = await Promise.all([qmp.execute('query-status'), qmp.execute('query-version')])
    match(JSON.stringify(answers), /prelaunch.*major/)
    await machine.quit()
    await rejectsWith(qmp.execute('query-status'), /did not answer query-status/)
    equal(qmp.isOpen, false)
  })

  it('fails when what answers does not speak QMP', async () => {
    const path = join(tempFolder('qmp'), 'socket')
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\n')).listen(path)
    after(() => server.close())
    await once(server, 'listening')
    await rejectsWith(QmpClient.connect(path), /not JSON: HTTP/)
  })
})

async function rejectsWith(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  match(String(error), message)
  equal((error as { code?: string }).code, 'LAYER_FAILED')
}
