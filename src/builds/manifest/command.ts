/**
 * The program: `HOLDFAST_MANIFEST=PATH command.ts FOLDER STEP`, run by Packer in the folder that its paths are meant
 * from.
 */
import { resolve } from 'node:path'
import { messageOf } from '../../base/index.ts'
import { DEFAULT_MANIFEST, MANIFEST_VARIABLE } from '../template/manifest-step.ts'
import { mergeManifest } from './run-manifests.ts'

const [manifests = '', step = ''] = process.argv.slice(2)
try {
  mergeManifest({ manifests }, Number(step), resolve(process.env[MANIFEST_VARIABLE] || DEFAULT_MANIFEST))
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}
