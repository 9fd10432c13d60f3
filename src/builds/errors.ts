/** The errors of builds. */
import { ErrorFamily, type ErrorTable } from '../base/index.ts'
import type { ClientErrorCode } from '../client/index.ts'
import type { StateErrorCode } from '../state/index.ts'

export const BUILD_ERRORS = {
  BUILD_FAILED: {
    http: 500,
    exit: 1,
    meaning: 'A build failed; the message names its source, its step, its exit status and its log.',
  },
  BUILD_NOT_RESUMABLE: { http: 409, exit: 65, meaning: 'A build cannot go on where it stopped; the message says why.' },
  BUILD_NAME_TAKEN: {
    http: 409,
    exit: 65,
    meaning:
      'A state has a build of that name from another template; the message names both, and --state keeps them apart.',
  },
  ARTIFACT_DAMAGED: { http: 500, exit: 74, meaning: 'A file that a build made is missing or has changed.' },
  PACKER_MISSING: {
    http: 500,
    exit: 69,
    meaning: 'HashiCorp Packer is not installed, or is not where it was said to be.',
  },
  PACKER_FAILED: { http: 500, exit: 69, meaning: 'Packer could not be run, or ended without an answer.' },
  TEMPLATE_INVALID: {
    http: 400,
    exit: 65,
    meaning: 'A Packer template has a mistake; the message names file and place.',
  },
  TEMPLATE_UNSUPPORTED: {
    http: 400,
    exit: 65,
    meaning: 'A Packer template uses something that Holdfast cannot follow; the message says what to write instead.',
  },
  SECRET_NOT_HIDABLE: {
    http: 400,
    exit: 65,
    meaning:
      'A sensitive variable or local has a value that cannot be read before the build, or is too short to be hidden in its output.',
  },
  BUILD_NO_SPACE: {
    http: 507,
    exit: 75,
    meaning: 'The disk of the data folder filled up while a build ran. Packer was ended; the next build goes on.',
  },
  LAYER_FAILED: {
    http: 500,
    exit: 75,
    meaning: "A layer of a machine's disk could not be kept or used; builds go on without.",
  },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type BuildErrorCode = keyof typeof BUILD_ERRORS | StateErrorCode | ClientErrorCode

export class BuildError extends ErrorFamily<BuildErrorCode> {}
