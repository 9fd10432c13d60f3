import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { join } from 'node:path'
import * as fc from 'fast-check'
import {
  BUILD_STATUSES,
  BUILD_TRANSITIONS,
  createBuild,
  PROVISIONER_STATUSES,
  PROVISIONER_TRANSITIONS,
  StateManager,
} from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const folder = tempFolder('transitions')

describe('transitions', () => {
  it('let every status be reached from pending and left again', () => {
    const reached = new Set<string>(['pending'])
    for (const _ of BUILD_STATUSES)
      for (const from of reached) for (const to of BUILD_TRANSITIONS[from as 'pending']) reached.add(to)
    assert.deepEqual(reached, new Set(BUILD_STATUSES))
    for (const status of BUILD_STATUSES) assert.ok(BUILD_TRANSITIONS[status].length > 0, status)
    for (const status of PROVISIONER_STATUSES) assert.ok(PROVISIONER_TRANSITIONS[status].length > 0, status)
  })

  it('are kept to by any sequence of saves', async () => {
    await using manager = await StateManager.open(folder, { backups: false })
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...BUILD_STATUSES), { maxLength: 12 }), async (wishes) => {
        const name = `build-${round++}`
        let build = createBuild({ name, source: 'qemu' })
        await manager.update((draft) => draft.put(build))
        for (const status of wishes) {
          const isLegal = status === build.status || BUILD_TRANSITIONS[build.status].includes(status)
          const next = { ...build, status }
          const saved = manager.update((draft) => draft.put(next))
          if (isLegal) {
            await saved
            build = next
          } else await assert.rejects(saved, { code: 'ILLEGAL_TRANSITION' })
          assert.equal((await manager.get(name))?.status, build.status)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('hold for provisioners, except where a build begins again', async () => {
    await using manager = await StateManager.open(join(folder, 'provisioners'), { backups: false })
    const provisioner = { name: 'shell', status: 'complete' as const, error: null, startedAt: null, endedAt: null }
    const build = createBuild({ name: 'web', source: 'qemu', status: 'failed', provisioners: [provisioner] })
    const running = { ...build, provisioners: [{ ...provisioner, status: 'running' as const }] }
    await manager.update((draft) => draft.put(build))
    await assert.rejects(
      manager.update((draft) => draft.put(running)),
      { code: 'ILLEGAL_TRANSITION' },
    )
    await manager.update((draft) => draft.put({ ...running, status: 'pending' }))
  })
})
