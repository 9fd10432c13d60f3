import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HoldfastError, messageOf, randomSecret } from '../../base/index.ts'
import { cacheFolder } from '../cache-folder.ts'
import { findOnPath, runTool } from '../tools.ts'
import type { Place, PreparedTarget, Target } from './target.ts'
import { LabError } from '../errors.ts'

/** The release that is built where there is none on the PATH. */
const VERSION = 'v1.5.4'
const MODULE = `github.com/mtlynch/picoshare/cmd/picoshare@${VERSION}`

/**
 * The real PicoShare (https://github.com/mtlynch/picoshare): the `picoshare` on the PATH, else built by Go into the cache.
 * It listens on every address of its machine: it has no setting for that.
 */
export class PicoshareTarget implements Target {
  readonly kind = 'picoshare'
  readonly secret = randomSecret()

  async prepare(signal: AbortSignal): Promise<PreparedTarget> {
    const installed = findOnPath('picoshare')
    const binary = installed ?? (await build(signal))
    const program = { folder: dirname(binary), files: ['picoshare'] }
    return { version: installed ? '' : VERSION, program, url: null, start: (place) => this.#launch(place) }
  }

  #launch({ programFolder, workFolder, port }: Place) {
    const program = programFolder === null ? 'picoshare' : join(programFolder, 'picoshare')
    return {
      command: [program, '-db', join(workFolder, 'data/store.db')],
      // It spools forms to TMPDIR, which is the data's own disk here so that nothing is left elsewhere.
      env: { PORT: String(port), PS_SHARED_SECRET: this.secret, TMPDIR: workFolder },
    }
  }
}

async function build(signal: AbortSignal): Promise<string> {
  const folder = join(cacheFolder(), 'picoshare', VERSION)
  const binary = join(folder, 'picoshare')
  if (existsSync(binary)) return binary
  if (findOnPath('go') === null) throw missing('neither picoshare nor Go is on the PATH')
  mkdirSync(folder, { recursive: true })
  try {
    await runTool('go', ['install', MODULE], { signal, env: { GOBIN: folder } })
  } catch (error) {
    signal.throwIfAborted()
    throw missing(`Go cannot build it: ${goError(messageOf(error))}`, error)
  }
  return binary
}

/** What Go says last is the reason; before it come the modules that it was loading. */
function goError(text: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('go: ') && !line.startsWith('go: downloading'))
  return lines.at(-1) ?? text
}

function missing(why: string, cause?: unknown): HoldfastError {
  return new LabError('TARGET_UNAVAILABLE', `there is no PicoShare here: ${why}`, {
    hint: `Build it from its source and put it on the PATH, then try again:
  git clone --branch ${VERSION} --depth 1 https://github.com/mtlynch/picoshare && cd picoshare
  go build -o ~/.local/bin/picoshare ./cmd/picoshare
That takes Go 1.26 or later. One that runs elsewhere can be measured by its address: --target http://HOST:4001`,
    cause,
  })
}
