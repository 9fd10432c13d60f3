/** The way to a build: whatever comes from outside is checked, copied and frozen here. */
import { buildSchema, MAX_NESTING, type Build } from './build.ts'
import { freezeAll, jsonProblem } from './json.ts'
import { copyOfPlainBuild } from './plain-build.ts'
import { StateError } from './errors.ts'

/**
 * Builds that were parsed once and, being frozen, stay what they are; each with its JSON text until a save takes
 * that. The text is made before they are frozen: V8 takes three times as long for frozen arrays.
 */
const proven = new WeakMap<object, string | null>()

/** A build from its name and source and whatever else is known; the rest as in a build that has not begun. */
export function createBuild(known: Pick<Build, 'name' | 'source'> & Partial<Build>): Build {
  return parseBuild({
    status: 'pending',
    templateHash: null,
    instance: null,
    provisioners: [],
    artifacts: [],
    error: null,
    createdAt: new Date().toISOString(),
    startedAt: null,
    endedAt: null,
    metadata: {},
    ...known,
  })
}

/**
 * The value as a frozen build. Fields that a build does not have are dropped.
 * @throws INVALID_BUILD, naming the field; NESTING_TOO_DEEP.
 */
export function parseBuild(value: unknown): Build {
  if (typeof value === 'object' && value !== null && proven.has(value)) return value as Build
  const plain = copyOfPlainBuild(value)
  if (plain) return prove(plain)
  const result = buildSchema.safeParse(value, { reportInput: true })
  if (result.success) return prove(result.data)
  const { name = '?', metadata, instance } = typeof value === 'object' && value ? (value as Partial<Build>) : {}
  const isTooDeep = [metadata, instance].some((part) => jsonProblem(part, MAX_NESTING) === 'too deep')
  if (isTooDeep) {
    throw new StateError('NESTING_TOO_DEEP', `the build ${name} has data nested deeper than ${MAX_NESTING} levels`, {
      hint: 'Keep such data in a file and put its path or its text into the metadata.',
      details: { limit: MAX_NESTING },
    })
  }
  const issues = result.error.issues.map(({ path, message, input }) => ({
    path: path.join('.'),
    message: typeof input === 'string' ? `${message}, not ${shorten(input)}` : message,
  }))
  const [first] = issues
  const what = `the build ${JSON.stringify(name)} is not valid: ${first?.path}: ${first?.message}`
  throw new StateError('INVALID_BUILD', what, { details: { issues } })
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text)
}

/** The JSON text of a build, to be stored. */
export function takeText(build: Build): string {
  const text = proven.get(build)
  if (text == null) return JSON.stringify(build)
  proven.set(build, null)
  return text
}

function prove(build: Build): Build {
  proven.set(build, JSON.stringify(build))
  return freezeAll(build)
}
