import { z } from 'zod'
import { closest } from './closest.ts'

/**
 * An object schema that refuses members it does not name, with a suggestion. For everything that writes: a misspelt
 * `maxDownloads` that is dropped leaves a file without its protection.
 */
export function closedObject<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => describeUnknownName(key, Object.keys(shape))).join('; ')
        : undefined,
  })
}

/** Words for a name that is not among `allowed`: the nearest of them, else all. */
export function describeUnknownName(given: string, allowed: readonly string[]): string {
  const unknown = `unknown parameter ${JSON.stringify(given.slice(0, 60))}`
  const candidate = closest(given, allowed)
  if (candidate !== null) return `${unknown}: did you mean ${candidate}?`
  if (allowed.length === 0) return `${unknown}: none is allowed here`
  return `${unknown}: allowed are ${allowed.join(', ')}`
}
