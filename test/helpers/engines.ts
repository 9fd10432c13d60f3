/** The engines under test. Each gives the location of a fresh engine, which any number of handles may open. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './temp-folder.ts'

const folder = tempFolder('engines')
let locations = 0

export const ENGINES: Readonly<Record<string, () => string>> = {
  sqlite() {
    const location = join(folder, String(locations++))
    mkdirSync(location)
    return location
  },
}
