/** Loaded into a server by `--import`: its disk takes a second to make a partial file, and to remove one. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { openSync, unlinkSync } = fs
const never = new Int32Array(new SharedArrayBuffer(4))

fs.openSync = (path, flags, mode) => {
  if (flags === 'wx') Atomics.wait(never, 0, 0, 1000)
  return openSync(path, flags, mode)
}
fs.unlinkSync = (path) => {
  Atomics.wait(never, 0, 0, 1000)
  unlinkSync(path)
}
syncBuiltinESMExports()
