/** The settings of builds. */
import { secretOption } from '../base/index.ts'

export const BUILD_OPTIONS = {
  publishToken: secretOption({
    env: ['HOLDFAST_PUBLISH_TOKEN'],
    summary: 'API token of the share that `holdfast build --publish` uploads to.',
    allowed: "a token as the share's settings page shows it once",
    pattern: /^[\x21-\x7e]+$/,
  }),
} as const

/** Variables that are not settings: the program that runs instead of the `packer` on the PATH. */
export const BUILD_VARIABLES = ['HOLDFAST_PACKER'] as const
