import { readFileSync } from 'node:fs'
import { packagePath } from './package-root.ts'

/** The version in package.json, e.g. `1.0.0`. */
export const VERSION: string = readVersion()

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'))
  if (typeof manifest === 'object' && manifest && 'version' in manifest) return String(manifest.version)
  throw new Error('package.json has no version')
}
