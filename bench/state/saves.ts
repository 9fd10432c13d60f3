/** Saving and loading: one build of many, a hundred, a small state again and again. */
import { join } from 'node:path'
import { StateManager, type Build } from '../../src/state/index.ts'
import { sampleBuild } from '../../src/stress/builds.ts'
import { ms, race, type Row } from './measure.ts'
import { jsonFile, lmdb, rawSqlite, type Peer } from './peers.ts'

const MANY = 10_000
/** Until then the compilers are at work: the first saves of a process take half as long again. */
const WARM_UPS = 1000
const ROUNDS = 300

export async function benchSaves(folder: string): Promise<Row[]> {
  return [
    await saveOne(join(folder, 'one')),
    ...(await hundred(join(folder, 'hundred'))),
    await cycle(join(folder, 'cycle')),
  ]
}

async function saveOne(folder: string): Promise<Row> {
  const builds = Array.from({ length: MANY }, (_, index) => sampleBuild(index))
  const manager = await openWith(join(folder, 'ours'), builds)
  const peers = await fill(
    { raw: rawSqlite(join(folder, 'raw')), json: jsonFile(join(folder, 'json')), lmdb: lmdb(join(folder, 'lmdb')) },
    builds,
  )
  const versions = Array.from({ length: WARM_UPS + ROUNDS }, (_, turn) => sampleBuild((turn * 7919) % MANY, turn + 1))
  const pick = (turn: number): Build => versions[turn % versions.length] ?? sampleBuild(0)
  const fast = await race(
    {
      ours: (turn) => manager.update((draft) => draft.put(pick(turn))),
      raw: (turn) => peers.raw.saveOne(pick(turn)),
      lmdb: (turn) => peers.lmdb.saveOne(pick(turn)),
    },
    ROUNDS,
    WARM_UPS,
  )
  const slow = await race({ json: (turn) => peers.json.saveOne(pick(turn)) }, 15)
  await close(manager, peers)
  const [overRaw, underJson] = [fast.ours / fast.raw, slow.json / fast.ours]
  return {
    work: 'save one changed build of 10,000, durable, with history and checksum',
    ours: `${ms(fast.ours)}: ${overRaw.toFixed(2)} x raw SQLite, ${underJson.toFixed(0)} x faster than the JSON file`,
    peers: { 'raw SQLite': ms(fast.raw), lmdb: ms(fast.lmdb), 'JSON file': ms(slow.json) },
    bar: '<= 1.5 x raw SQLite, >= 100 x faster than the JSON file',
    holds: overRaw <= 1.5 && underJson >= 100,
  }
}

async function hundred(folder: string): Promise<Row[]> {
  const SAVES = 100
  const sets = Array.from({ length: SAVES + SAVES / 10 + 1 }, (_, version) =>
    Array.from({ length: 100 }, (_build, index) => sampleBuild(index, version)),
  )
  const [first = [], ...later] = sets
  const pick = (turn: number) => later[turn] ?? []
  const manager = await openWith(join(folder, 'ours'), first)
  const peers = await fill(
    { raw: rawSqlite(join(folder, 'raw')), json: jsonFile(join(folder, 'json')), lmdb: lmdb(join(folder, 'lmdb')) },
    first,
  )
  const saveAll = async (turn: number) => manager.save((await manager.load()).with(pick(turn)))
  const saved = await race(
    {
      ours: saveAll,
      json: (turn) => peers.json.saveAll(pick(turn)),
      raw: (turn) => peers.raw.saveAll(pick(turn)),
      lmdb: (turn) => peers.lmdb.saveAll(pick(turn)),
    },
    SAVES,
  )
  const loadAll = async () => {
    const other = await StateManager.open(join(folder, 'ours'), { backups: false })
    await other.load()
    await other.close()
  }
  const loaded = await race(
    {
      ours: loadAll,
      json: () => peers.json.loadAll(),
      raw: () => peers.raw.loadAll(),
      lmdb: () => peers.lmdb.loadAll(),
    },
    100,
  )
  await close(manager, peers)
  const row = (work: string, times: typeof saved): Row => ({
    work,
    ours: `${ms(times.ours)}: ${(times.ours / times.json).toFixed(2)} x the JSON file`,
    peers: { 'JSON file': ms(times.json), 'raw SQLite': ms(times.raw), lmdb: ms(times.lmdb) },
    bar: 'no slower than the JSON file',
    holds: times.ours <= times.json,
  })
  return [row('save 100 builds, all changed', saved), row('open, load 100 builds, close', loaded)]
}

async function cycle(folder: string): Promise<Row> {
  const writer = await openWith(join(folder, 'ours'), [sampleBuild(0)])
  const reader = await StateManager.open(join(folder, 'ours'), { backups: false })
  const [json, raw] = [jsonFile(join(folder, 'json')), rawSqlite(join(folder, 'raw'))]
  raw.saveAll([sampleBuild(0)])
  const versions = Array.from({ length: WARM_UPS + ROUNDS }, (_, turn) => sampleBuild(0, turn + 1))
  const pick = (turn: number): Build => versions[turn] ?? sampleBuild(0)
  const times = await race(
    {
      ours: async (turn) => {
        await writer.update((draft) => draft.put(pick(turn)))
        await reader.load()
      },
      json: async (turn) => {
        await json.saveOne(pick(turn))
        json.loadAll()
      },
      raw: (turn) => {
        raw.saveOne(pick(turn))
        raw.reload()
      },
    },
    ROUNDS,
    WARM_UPS,
  )
  await writer.close()
  await reader.close()
  raw.close()
  return {
    work: 'save and load (in another manager) a small state',
    ours: ms(times.ours),
    peers: { 'JSON file': ms(times.json), 'raw SQLite': ms(times.raw) },
    bar: '<= 400 us, durable',
    holds: times.ours <= 0.4,
  }
}

async function openWith(folder: string, builds: readonly Build[]): Promise<StateManager> {
  const manager = await StateManager.open(folder, { backups: false })
  await manager.save((await manager.load()).with(builds))
  return manager
}

async function fill<Name extends string>(
  peers: Record<Name, Peer>,
  builds: readonly Build[],
): Promise<Record<Name, Peer>> {
  for (const peer of Object.values<Peer>(peers)) await peer.saveAll(builds)
  return peers
}

async function close(manager: StateManager, peers: Record<string, Peer>): Promise<void> {
  await manager.close()
  for (const peer of Object.values(peers)) await peer.close()
}
