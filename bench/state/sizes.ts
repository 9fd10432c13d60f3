/** Ten thousand builds: saving, loading, reading, bytes on the disk. */
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { zstdCompressSync } from 'node:zlib'
import { StateManager, type State } from '../../src/state/index.ts'
import { buildName, sampleBuild } from '../../src/stress/builds.ts'
import { median, ms, timed, type Row } from './measure.ts'
import { jsonFile, rawSqlite } from './peers.ts'

const MANY = 10_000
const ROUNDS = 5

export async function benchSizes(folder: string): Promise<Row[]> {
  const seen = {
    save: [] as number[],
    json: [] as number[],
    raw: [] as number[],
    first: [] as number[],
    all: [] as number[],
    jsonLoad: [] as number[],
    rawLoad: [] as number[],
  }
  const samples = Array.from({ length: MANY }, (_, index) => ({ ...sampleBuild(index) }))
  let data = folder
  for (let round = 0; round < ROUNDS; round++) {
    data = join(folder, String(round), 'ours')
    const manager = await StateManager.open(data, { backups: false })
    const empty = await manager.load()
    seen.save.push(await timed(() => manager.save(empty.with(samples))))
    await manager.close()
    const [json, raw] = [jsonFile(join(folder, String(round), 'json')), rawSqlite(join(folder, String(round), 'raw'))]
    seen.json.push(await timed(() => json.saveAll(samples)))
    seen.raw.push(await timed(() => raw.saveAll(samples)))
    const { first, all } = await open(data)
    seen.first.push(first)
    seen.all.push(all)
    seen.jsonLoad.push(await timed(() => json.loadAll()))
    seen.rawLoad.push(await timed(() => raw.loadAll()))
    raw.close()
  }
  const [save, first, all] = [median(seen.save), median(seen.first), median(seen.all)]
  return [
    {
      work: 'put in and save 10,000 builds, durable',
      ours: ms(save),
      peers: { 'JSON file': ms(median(seen.json)), 'raw SQLite': ms(median(seen.raw)) },
      bar: '<= 250 ms',
      holds: save <= 250,
    },
    { work: 'open and read the first of 10,000 builds', ours: ms(first), peers: {}, bar: '<= 3 ms', holds: first <= 3 },
    {
      work: 'open and load all 10,000 builds',
      ours: ms(all),
      peers: { 'JSON file': ms(median(seen.jsonLoad)), 'raw SQLite': ms(median(seen.rawLoad)) },
      bar: '<= 120 ms',
      holds: all <= 120,
    },
    ...(await bytes(data)),
    await readOne(data),
  ]
}

async function open(data: string): Promise<{ first: number; all: number }> {
  const startedAt = performance.now()
  const manager = await StateManager.open(data, { backups: false })
  await manager.get(buildName(7777))
  const first = performance.now() - startedAt
  await manager.load()
  const all = performance.now() - startedAt
  await manager.close()
  return { first, all }
}

async function bytes(data: string): Promise<Row[]> {
  const manager = await StateManager.open(data, { backups: false })
  const builds = [...(await manager.load()).builds()]
  const raw = builds.reduce((sum, build) => sum + JSON.stringify(build).length, 0)
  await manager.compact()
  const atRest = await manager.sizeBytes()
  let historyRaw = 0
  for (let serial = 0; serial < 90; serial++) {
    await manager.update(async (draft) => {
      for (let index = 0; index < 50; index++) {
        const build = sampleBuild((serial * 131 + index) % MANY, serial + 1)
        historyRaw += JSON.stringify(build).length
        await draft.put(build)
      }
    })
  }
  await manager.compact()
  const history = (await manager.sizeBytes()) - atRest
  const exported = zstdCompressSync(await buffer(Readable.from(manager.document()))).length
  await manager.close()
  const mb = (size: number) => `${(size / 1e6).toFixed(2)} MB`
  return [
    {
      work: 'bytes on disk of 10,000 builds at rest',
      ours: mb(atRest),
      peers: { 'as JSON': mb(raw) },
      bar: '<= 10 MB',
      holds: atRest <= 10e6,
    },
    {
      work: 'bytes of 90 serials of history, 50 builds each',
      ours: `${mb(history)}: ${(history / historyRaw).toFixed(2)} x raw`,
      peers: { 'as JSON': mb(historyRaw) },
      bar: '<= 0.5 x its raw bytes',
      holds: history <= historyRaw / 2,
    },
    {
      work: 'export of 10,000 builds, compressed',
      ours: mb(exported),
      peers: {},
      bar: '<= 3 MB',
      holds: exported <= 3e6,
    },
  ]
}

async function readOne(data: string): Promise<Row> {
  const manager = await StateManager.open(data, { backups: false })
  const state: State = await manager.load()
  const names = Array.from({ length: 1024 }, (_, index) => buildName(index * 9))
  const READS = 1_000_000
  const times: number[] = []
  let found = 0
  for (let round = 0; round < 7; round++) {
    const elapsed = await timed(() => {
      for (let read = 0; read < READS; read++) found += Number(state.get(names[read & 1023] ?? '') !== null)
    })
    times.push(elapsed / READS)
  }
  await manager.close()
  if (found !== READS * 7) throw new Error('builds are missing')
  const time = median(times)
  return {
    work: 'read one build of a loaded state',
    ours: ms(time),
    peers: {},
    bar: '<= 100 ns',
    holds: time <= 0.0001,
  }
}
