/** What every target of the lab must do; throws at the first broken promise. */
import assert from 'node:assert/strict'
import type { PreparedTarget, Target } from '../../../src/lab/targets/target.ts'

const PLACE = { programFolder: '/programs', workFolder: '/work', host: '127.0.0.7', port: 34_567 }
const never = new AbortController().signal

async function prepared(target: Target): Promise<PreparedTarget> {
  return await target.prepare(never)
}

export const TARGET_CHECKS: Record<string, (target: Target) => Promise<void>> = {
  'runs already under a URL, or says how it is started': async (target) => {
    const { url, start } = await prepared(target)
    assert.notEqual(url === null, start === null)
  },

  'starts at the host and port that it is given': async (target) => {
    const { start } = await prepared(target)
    if (!start) return
    const { command, env } = start(PLACE)
    const said = JSON.stringify([command, env])
    assert.ok(said.includes(String(PLACE.port)), 'the port')
    assert.ok(!said.includes('undefined'), said)
  },

  'keeps its data in the work folder': async (target) => {
    const { start } = await prepared(target)
    const there = start?.(PLACE)
    const elsewhere = start?.({ ...PLACE, workFolder: '/elsewhere' })
    if (start) assert.notDeepEqual(there, elsewhere)
  },

  'gives the server the secret that the lab logs in with, and shows it in no argument': async (target) => {
    const { start } = await prepared(target)
    if (!start) return
    const { command, env } = start(PLACE)
    assert.ok(target.secret.length > 0)
    assert.ok(Object.values(env).includes(target.secret))
    assert.ok(!command.some((word) => word.includes(target.secret)))
  },

  'can be prepared again, for the same server': async (target) => {
    const [first, second] = [await prepared(target), await prepared(target)]
    assert.deepEqual([first.version, first.url], [second.version, second.url])
    assert.deepEqual(first.start?.(PLACE), second.start?.(PLACE))
  },
}
