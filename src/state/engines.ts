/** Chooses the engine by its location. A new engine is a driver in a folder of its own and a line here. */
import { byScheme } from '../base/index.ts'
import type { Engine } from './engine.ts'

type Open = (location: string) => Promise<Engine>

/** By URL scheme. A location without a scheme is a data folder. Drivers load when they are chosen. */
const ENGINES: Readonly<Record<string, Open>> = {
  async sqlite(location) {
    const { SqliteEngine } = await import('./sqlite/sqlite-engine.ts')
    return new SqliteEngine(location.replace(/^sqlite:(\/\/)?/, ''))
  },
}

export const ENGINE_NAMES: readonly string[] = Object.keys(ENGINES)

/**
 * @param location A data folder, or a URL whose scheme names the engine: `sqlite:/var/lib/holdfast`.
 * @throws INVALID_REQUEST for a scheme that no engine has.
 */
export async function openEngine(location: string): Promise<Engine> {
  const open = byScheme(location, { drivers: ENGINES, fallback: 'sqlite', kind: 'engine' })
  return open(location)
}
