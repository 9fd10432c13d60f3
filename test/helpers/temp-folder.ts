import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A folder of its own for the calling test file or suite, removed when that is over. */
export function tempFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${name}-`))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
