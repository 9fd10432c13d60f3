import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs `body` with a small filesystem of its own, or skips the test where this user may not mount one.
 * @param options For tmpfs: `size=40m`.
 */
export async function withSmallDisk(
  t: { skip(why: string): void },
  options: string,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-small-disk-'))
  const isMounted =
    process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0
  try {
    if (isMounted) await body(folder)
    else t.skip('only root can mount a small filesystem to fill up')
  } finally {
    if (isMounted && spawnSync('umount', [folder]).status !== 0) spawnSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  }
}
