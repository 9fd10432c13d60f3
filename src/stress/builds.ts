/** Builds of the size that real ones have (about 1.5 kB of JSON). */
import { createHash } from 'node:crypto'
import { createBuild, type Build } from '../state/index.ts'

const STARTED_AT = Date.UTC(2026, 0, 1)

export function buildName(index: number): string {
  return `build-${String(index).padStart(7, '0')}`
}

export function sampleBuild(index: number, version = 0): Build {
  const digest = (text: string) => createHash('sha256').update(`${text} ${index} ${version}`).digest('hex')
  const at = (minutes: number) => new Date(STARTED_AT + (index + minutes) * 60_000).toISOString()
  const provisioners = ['packages', 'users', 'network', 'services', 'harden', 'clean'].map((name, step) => {
    return { name, status: 'complete' as const, error: null, startedAt: at(step), endedAt: at(step + 1) }
  })
  return createBuild({
    name: buildName(index),
    source: `qemu.debian-${index % 7}`,
    status: 'complete',
    templateHash: digest('template'),
    instance: { id: digest('instance').slice(0, 17), region: 'local', size: index % 16 },
    provisioners,
    artifacts: [
      { path: `out/${index}/disk.qcow2`, sizeBytes: 2_000_000_000 + index, sha256: digest('disk'), url: null },
    ],
    createdAt: at(0),
    startedAt: at(0),
    endedAt: at(9),
    metadata: { version, commit: digest('commit').slice(0, 40), note: `nightly image ${index} `.repeat(12) },
  })
}
