import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf } from '../../base/index.ts'
import { BuildError } from '../errors.ts'

const execute = promisify(execFile)

/** Makes an empty qcow2 image as large as a machine's disk. @throws LAYER_FAILED. */
export async function createImage(path: string, sizeBytes: number): Promise<void> {
  await qemuImg(['create', '-q', '-f', 'qcow2', path, String(sizeBytes)])
}

/**
 * Makes an empty qcow2 image that reads all that it does not hold itself from another one.
 * @param backing its path; relative to the folder of `path`.
 * @param sizeBytes of the disk; as large as the other's when absent.
 * @throws LAYER_FAILED.
 */
export async function createOverlay(path: string, backing: string, sizeBytes?: number): Promise<void> {
  const size = sizeBytes === undefined ? [] : [String(sizeBytes)]
  await qemuImg(['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', backing, path, ...size])
}

async function qemuImg(args: readonly string[]): Promise<void> {
  try {
    await execute('qemu-img', args)
  } catch (error) {
    throw new BuildError('LAYER_FAILED', `qemu-img could not make an image: ${messageOf(error).trim()}`, {
      hint: "qemu-img comes with QEMU: Debian's package qemu-utils.",
      cause: error,
    })
  }
}
