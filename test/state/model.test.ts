/** Random saves of builds small and big by two managers, with compaction and reopening, against a model in memory. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createBuild, StateManager } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const folder = tempFolder('state-model')
import { generator, SEED } from '../support/random.ts'
import { rounds } from '../support/soak.ts'

const ROUNDS = rounds({ quick: 4, soak: 40 })
const STEPS = 60
const NAMES = 25

type Model = ReadonlyMap<string, string>

describe('a state after random saves', () => {
  for (let round = 0; round < ROUNDS; round++) {
    const seed = SEED + round
    it(`is what was saved, now and at every serial that is kept (seed ${seed})`, async () => {
      const random = generator(seed)
      const keepSerials = 1 + random(12)
      const open = () => StateManager.open(join(folder, String(seed)), { backups: false, keepSerials })
      const managers = [await open(), await open()]
      const models: Model[] = [new Map()]
      for (let step = 0; step < STEPS; step++) {
        const which = random(2)
        const manager = managers[which]
        assert.ok(manager)
        const model = new Map(models.at(-1))
        await manager.update(async (draft) => {
          for (let change = 1 + random(random(8) === 0 ? 80 : 3); change > 0; change--) {
            const name = `build-${random(NAMES)}`
            if (model.has(name) && random(4) === 0) {
              await draft.remove(name)
              model.delete(name)
            } else {
              const text = `${step} `.repeat(1 + random(random(6) === 0 ? 9000 : 60))
              await draft.put(createBuild({ name, source: 'test', metadata: { text } }))
              model.set(name, text)
            }
          }
        })
        if ((await manager.head()).serial === models.length) models.push(model)
        if (random(3) === 0) {
          const builds = [...(await manager.load()).builds()]
          assert.deepEqual(new Map(builds.map((build) => [build.name, build.metadata.text])), model)
        }
        if (random(7) === 0) await manager.compact()
        if (random(11) === 0) {
          await manager.close()
          managers[which] = await open()
        }
      }
      await managers[0]?.compact()
      for (const manager of managers) {
        await check(manager, models, keepSerials)
        await manager.close()
      }
    })
  }
})

async function check(manager: StateManager, models: readonly Model[], keepSerials: number): Promise<void> {
  assert.deepEqual(await manager.verify(), [])
  const newest = models.length - 1
  const model = models[newest]
  assert.ok(model)
  assert.equal((await manager.head()).serial, newest)
  const loaded = await manager.load()
  assert.deepEqual(texts(loaded.builds()), Object.fromEntries(model))
  const [oldest = newest] = (await manager.history({ limit: Infinity })).map(({ serial }) => serial).toReversed()
  assert.ok(newest - oldest + 1 >= Math.min(keepSerials, newest), `only serials from ${oldest} are kept`)
  for (let serial = oldest; serial <= newest; serial++) {
    for (let index = 0; index < NAMES; index++) {
      const name = `build-${index}`
      const then = (await manager.getAt(serial, name))?.metadata['text'] ?? null
      assert.equal(then, models[serial]?.get(name) ?? null, `${name} at serial ${serial}`)
    }
  }
}

function texts(builds: Iterable<{ name: string; metadata: Record<string, unknown> }>): Record<string, unknown> {
  return Object.fromEntries([...builds].map(({ name, metadata }) => [name, metadata['text']]))
}
