/** Loaded into a server by `--import`: its disk takes a second to remove a partial file. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { unlinkSync } = fs
const never = new Int32Array(new SharedArrayBuffer(4))

fs.unlinkSync = (path) => {
  Atomics.wait(never, 0, 0, 1000)
  unlinkSync(path)
}
syncBuiltinESMExports()
