/** Another process that takes a recorded build one step further and writes a line to its log. */
import { appendFileSync } from 'node:fs'
import { StateManager, type Build } from '../../../src/state/index.ts'

const [folder = '', name = '', step = '', log = '', line = ''] = process.argv.slice(2)
const at = new Date().toISOString()
const STEPS: Record<string, (build: Build) => Partial<Build>> = {
  create: () => ({ status: 'creating', startedAt: at }),
  start: (build) => ({ status: 'provisioning', provisioners: withFirst(build, { status: 'running', startedAt: at }) }),
  finish: (build) => ({ provisioners: withFirst(build, { status: 'complete', endedAt: at }) }),
  complete: () => ({ status: 'complete', endedAt: at }),
}

function withFirst(build: Build, change: Partial<Build['provisioners'][number]>): Build['provisioners'] {
  return build.provisioners.map((provisioner, index) => (index === 0 ? { ...provisioner, ...change } : provisioner))
}

appendFileSync(log, `${line}\n`)
await using manager = await StateManager.open(folder, { backups: false })
await manager.update(
  async (draft) => {
    const build = await draft.get(name)
    const change = STEPS[step]
    if (!build || !change) throw new Error(`there is no build ${name} or no step ${step}`)
    await draft.put({ ...build, ...change(build) })
  },
  { operation: `build: ${step}` },
)
