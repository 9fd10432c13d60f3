/**
 * The house: which rooms there are and what each may import. Imports only go down, and a room is entered by its index.ts
 * (or another door that is named here). The linter reads this table (oxlint.config.ts); test/floors shows that it does.
 */
interface Room {
  /** Rooms that this one may import, by their index.ts. */
  mayImport: readonly string[]
  reason: string
  /** Rooms of which this one may import types alone, each with the file that holds them. */
  mayImportTypes?: Readonly<Record<string, string>>
  /** Files that others may import. Default: its index.ts alone. */
  doors?: readonly string[]
}

export const ROOMS: Readonly<Record<string, Room>> = {
  base: { mayImport: [], reason: 'base is the ground: everything stands on it, so it stands on nothing' },
  storage: {
    mayImport: ['base'],
    reason: 'storage keeps bytes and rows and knows nothing of what they mean',
    doors: ['index.ts', 'options.ts'],
  },
  lock: { mayImport: ['base', 'storage'], reason: 'locks work without any state' },
  state: { mayImport: ['base', 'storage', 'lock'], reason: 'state stands on locks and storage only' },
  stress: {
    mayImport: ['base', 'storage', 'lock', 'state'],
    reason: 'the stress suite tries locks and states as their users do, and nothing above them',
  },
  share: {
    mayImport: ['base', 'storage'],
    reason: 'the share, the builds and the lab can each be lifted out',
    // The settings by themselves, so that commands that serve nothing do not load the server.
    doors: ['index.ts', 'options.ts'],
  },
  client: { mayImport: ['base'], reason: 'the client knows a server by its public HTTP API only' },
  builds: {
    mayImport: ['base', 'storage', 'lock', 'state', 'client'],
    reason: 'the share, the builds and the lab can each be lifted out',
    // The routes and the settings by themselves, so that a server does not load what builds with Packer.
    doors: ['index.ts', 'routes/index.ts', 'options.ts'],
  },
  lab: { mayImport: ['base', 'storage', 'lock'], reason: 'to the lab every server is a black box with a URL' },
  server: {
    mayImport: ['base', 'storage', 'lock', 'state', 'share', 'builds'],
    reason: 'the server composes the rooms below it; the command line starts it',
    doors: ['index.ts', 'options.ts'],
  },
  cli: {
    mayImport: ['base', 'storage', 'lock', 'state', 'stress', 'share', 'client', 'builds', 'lab', 'server'],
    reason: 'the command line is the roof: nothing imports it',
  },
  web: {
    mayImport: [],
    mayImportTypes: { client: 'api-types.ts' },
    reason: 'the browser app talks to the server over its public HTTP API only',
  },
}

interface ClosedImports {
  /** Patterns in the syntax of gitignore, or a regular expression. */
  group?: string[]
  regex?: string
  /** What to tell the author. */
  message: string
  allowTypeImports?: boolean
}

/** Imports that are closed to a room's files. */
export function closedTo(room: string): ClosedImports[] {
  const own = ROOMS[room]
  if (!own) throw new Error(`there is no room ${room}`)
  return Object.keys(ROOMS)
    .filter((other) => other !== room)
    .flatMap((other) => {
      const everything = `../**/${other}/**`
      const types = own.mayImportTypes?.[other]
      if (types !== undefined) {
        const message = `${room}/ may import types alone of ${other}/, by its ${types}: ${own.reason}.`
        return [
          // A regular expression, and first: oxlint lets the exception of a group win over groups and later patterns.
          { regex: `^\\.\\./(.*/)?${other}/${types}$`, message, allowTypeImports: true },
          { group: [everything, `!../**/${other}/${types}`], message },
        ]
      }
      if (!own.mayImport.includes(other)) {
        return { group: [everything], message: `${room}/ may not import ${other}/: ${own.reason}.` }
      }
      const doors = ROOMS[other]?.doors ?? ['index.ts']
      return {
        group: [everything, ...doors.map((door) => `!../**/${other}/${door}`)],
        message: `enter ${other}/ by its ${doors.join(' or ')}: what that does not export is private to the room.`,
      }
    })
}
