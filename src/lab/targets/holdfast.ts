import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packagePath, PROGRAM, randomSecret, VERSION } from '../../base/index.ts'
import type { Place, PreparedTarget, Target } from './target.ts'
import { LabError } from '../errors.ts'

/**
 * The Holdfast of this package, as `holdfast serve` runs it; on a machine with its own software the one on its PATH.
 */
export class HoldfastTarget implements Target {
  readonly kind = 'holdfast'
  readonly secret = randomSecret()

  async prepare(): Promise<PreparedTarget> {
    if (!existsSync(packagePath('dist/cli/main.js'))) {
      throw new LabError('TARGET_UNAVAILABLE', `Holdfast is not built: ${packagePath('dist')} is missing`, {
        hint: 'Run npm run build first.',
      })
    }
    const { folder, files } = PROGRAM
    return { version: VERSION, program: { folder, files }, url: null, start: (place) => this.#launch(place) }
  }

  #launch({ programFolder, workFolder, host, port }: Place) {
    const program = programFolder === null ? 'holdfast' : join(programFolder, PROGRAM.main)
    const where = ['--host', host, '--port', String(port), '--data', join(workFolder, 'data')]
    return {
      command: [program, 'serve', ...where, '--log-level', 'warn'],
      env: { HOLDFAST_SHARED_SECRET: this.secret },
    }
  }
}
