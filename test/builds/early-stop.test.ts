/** A build that is stopped so early that its Packer does not run yet. */
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { buildTemplate, type BuildListener } from '../../src/builds/index.ts'
import { StateManager } from '../../src/state/index.ts'
import { Workshop } from './support/workshop.ts'

/** Builds steps.pkr.hcl in the shop, and aborts when the listener says so. */
async function buildIn(
  shop: Workshop,
  listen: (stop: AbortController, kill: AbortController) => Partial<BuildListener>,
) {
  const [stop, kill] = [new AbortController(), new AbortController()]
  const silent: BuildListener = {
    begin: () => undefined,
    note: () => undefined,
    saved: () => undefined,
    line: () => undefined,
    waiting: () => undefined,
    ended: () => undefined,
  }
  const env = { ...process.env, ...shop.env }
  await using manager = await StateManager.open(shop.data, { backups: false })
  const request = {
    template: join(shop.folder, 'steps.pkr.hcl'),
    input: { vars: [], varFiles: [], cwd: shop.folder, env },
    only: [],
    except: [],
    force: false,
    resume: 'auto' as const,
    keepOnFailure: false,
    retries: 0,
    retryDelayMs: 1,
    lockTimeoutMs: 0,
    checkpoints: {},
    stop: stop.signal,
    kill: kill.signal,
  }
  return await buildTemplate(manager, shop.data, request, { ...silent, ...listen(stop, kill) })
}

describe('a build that is stopped', () => {
  it('starts no Packer when it is stopped before', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo ran >>count', 'exit 9'])
    assert.equal((await shop.build('steps.pkr.hcl')).status, 1)
    const before = await shop.record('steps/null.a')
    const reason = new Error('enough')
    // It says where it goes on, and then prepares the run.
    const building = buildIn(shop, (stop) => ({ note: () => stop.abort(reason) }))
    await assert.rejects(building, reason)
    assert.equal(shop.read('count'), 'ran\n')
    assert.deepEqual(await shop.record('steps/null.a'), before)
    assert.deepEqual(shop.leftTemplates(), [])
  })

  it('is killed when it is killed while its Packer starts', async () => {
    const shop = new Workshop()
    shop.writeSteps(['true'])
    // A Packer that hears no Ctrl-C.
    const deaf = `#!/bin/sh\n[ "$1" = build ] || exec packer "$@"\ntrap '' INT\nsleep 10\necho survived >>count\n`
    shop.env = { HOLDFAST_PACKER: shop.write('deaf', deaf) }
    chmodSync(join(shop.folder, 'deaf'), 0o755)
    const [outcome] = await buildIn(shop, (stop, kill) => ({
      saved: ({ status }) => {
        if (status !== 'creating') return
        stop.abort(new Error('stop'))
        kill.abort(new Error('kill'))
      },
    }))
    assert.equal(outcome?.status, 'interrupted')
    assert.equal(shop.read('count'), '')
    assert.deepEqual(await shop.pids(), [])
  })
})
