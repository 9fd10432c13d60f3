/** Where `holdfast build --publish` brings artifacts: the share's address, the token, the progress. */
import { join } from 'node:path'
import { formatBytes } from '../base/index.ts'
import { loadSettings } from './options.ts'
import { publishArtifacts, type BuildRequest } from '../builds/index.ts'
import { CommandError } from './errors.ts'

export interface PublishTerms {
  url: string
  /** How long the share shall keep the artifacts, ms; null: for ever. */
  keepMs: number | null
  dataFolder: string
  signal: AbortSignal
  note: (text: string) => void
}

/**
 * What `buildTemplate` needs to publish.
 * @throws INVALID_REQUEST for what is not a web address; INVALID_CONFIG without a token.
 */
export function publisherTo({
  url,
  keepMs,
  dataFolder,
  signal,
  note,
}: PublishTerms): Required<Pick<BuildRequest, 'publish' | 'isPublished'>> {
  const parsed = URL.parse(url)
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new CommandError('INVALID_REQUEST', `--publish ${url} is not an address of a share`, {
      hint: 'Give it as its users open it: https://files.example.org',
    })
  }
  const token = loadSettings({}).publishToken
  if (!token) {
    throw new CommandError('INVALID_CONFIG', '--publish needs an API token of the share', {
      hint: "Make one on the share's settings page and put it into HOLDFAST_PUBLISH_TOKEN.",
    })
  }
  const resumeFolder = join(dataFolder, 'builds', '.publish')
  return {
    isPublished: ({ url: link }) => link !== null && URL.parse(link)?.origin === parsed.origin,
    publish: (artifacts) =>
      publishArtifacts(artifacts, {
        url,
        token,
        resumeFolder,
        signal,
        ...(keepMs !== null && { keepMs }),
        onProgress: tellQuarters(note),
      }),
  }
}

/** A line for each quarter of a file: enough for a log, and for hours of waiting. */
function tellQuarters(note: (text: string) => void) {
  const told = new Map<string, number>()
  return ({ path, sentBytes, sizeBytes }: { path: string; sentBytes: number; sizeBytes: number }) => {
    const quarter = sizeBytes === 0 ? 4 : Math.floor((4 * sentBytes) / sizeBytes)
    if ((told.get(path) ?? 0) >= quarter) return
    told.set(path, quarter)
    note(`published ${quarter * 25} % of ${path} (${formatBytes(sizeBytes)})`)
  }
}
