/** Counts up one build of the data folder's state, save after save, and says each count once it was acknowledged. */
import { writeSync } from 'node:fs'
import { StateManager } from '../../../src/state/index.ts'
import { counted, countOf } from '../counting.ts'

const [folder = ''] = process.argv.slice(2)
const manager = await StateManager.open(folder, { backups: false })
for (;;) {
  const count = await manager.update(async (draft) => {
    const next = countOf(await draft.get('counter')) + 1
    await draft.put(counted('counter', next))
    return next
  })
  writeSync(1, `${count}\n`)
}
