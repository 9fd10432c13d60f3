/** Drivers that a location chooses: `sqlite:/var/lib/holdfast` by its scheme, a plain folder by the default. */
import { BaseError } from './errors.ts'

interface Choice<Driver> {
  /** By URL scheme. */
  drivers: Readonly<Record<string, Driver>>
  /** The scheme of a location that has none. */
  fallback: string
  /** What the drivers are, for the error. */
  kind: string
}

/** @throws INVALID_REQUEST for a scheme that no driver has. */
export function byScheme<Driver>(location: string, { drivers, fallback, kind }: Choice<Driver>): Driver {
  // Two letters at least: C:\data is a folder.
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(location)?.[1] ?? fallback
  const driver = drivers[scheme]
  if (driver) return driver
  const schemes = Object.keys(drivers).map((name) => `${name}:`)
  throw new BaseError('INVALID_REQUEST', `there is no ${kind} for ${scheme}: URLs`, {
    hint: `Give a data folder, or a URL that begins with ${schemes.join(', ')}`,
  })
}
