/** The program of a worker process: `worker.ts ROLE OPTIONS`. Says `ready`, waits for `go`, and then does its role. */
import { once } from 'node:events'
import { ROLES } from './worker-roles.ts'

const [role = '', options = '{}'] = process.argv.slice(2)
const prepare = ROLES[role]
if (!prepare) throw new Error(`there is no role ${role}`)
const run = await prepare(JSON.parse(options) as never, (message) => void process.send?.(message))
process.send?.('ready')
await once(process, 'message')
await run()
process.disconnect?.()
