/** A database that is damaged, a disk that is full. */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError, messageOf } from '../base/index.ts'
import { LockManager } from '../lock/index.ts'
import { restoreState, StateManager, statePath, type Build } from '../state/index.ts'
import { buildName, sampleBuild } from './builds.ts'
import { Expectations, type Scenario } from './scenario.ts'

const PLACES = 200
const BUILDS = 400
const SMALL_DISK = '6m'

export const damage: Scenario[] = [
  {
    name: 'CorruptionRecovery (database damaged at 200 places)',
    suite: 'state',
    seed: '',
    async run({ folder }) {
      const expect = new Expectations()
      const found = { noticed: 0, harmless: 0 }
      const good = await prepareGood(folder)
      const data = join(folder, 'victim')
      const path = statePath(data, 'default')
      for (let place = 0; place < PLACES; place++) {
        rmSync(data, { recursive: true, force: true })
        mkdirSync(join(data, 'states'), { recursive: true })
        const bytes = Buffer.from(good.bytes)
        const at = randomInt(bytes.length)
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 + randomInt(255)), at)
        writeFileSync(path, bytes)
        const verdict = await examine(data, good.builds)
        found[verdict.wasNoticed ? 'noticed' : 'harmless'] += 1
        expect.that(verdict.isSafe, `byte ${at}: ${verdict.why}`)
        expect.that(
          readFileSync(path).equals(bytes) || verdict.wasOpened,
          `byte ${at}: the damaged file was overwritten`,
        )
      }
      await checkRestore(folder, expect)
      return {
        failures: expect.failures,
        figures: { places: String(PLACES), noticed: String(found.noticed), 'in unused bytes': String(found.harmless) },
      }
    },
  },
  {
    name: 'disk full',
    suite: 'state',
    seed: '',
    async run({ folder }) {
      const disk = join(folder, 'disk')
      mkdirSync(disk)
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', disk], {
        encoding: 'utf8',
      })
      if (mounted.status !== 0) {
        return { failures: [], figures: {}, skipped: `a small disk cannot be mounted here: ${mounted.stderr.trim()}` }
      }
      try {
        return await fillDisk(disk)
      } finally {
        spawnSync('umount', [disk])
      }
    },
  },
]

async function prepareGood(folder: string): Promise<{ bytes: Buffer; builds: Build[] }> {
  const data = join(folder, 'good')
  const builds = Array.from({ length: BUILDS }, (_, index) => sampleBuild(index))
  const manager = await StateManager.open(data, { backups: false })
  await manager.save((await manager.load()).with(builds))
  for (let version = 1; version < 30; version++) {
    builds[version] = sampleBuild(version, version)
    await manager.update((draft) => draft.put(sampleBuild(version, version)))
  }
  await manager.backup()
  await manager.compact()
  await manager.close()
  return { bytes: readFileSync(statePath(data, 'default')), builds }
}

/** Safe: whatever was not refused as damaged is right, and what verify calls good is right in all. */
async function examine(data: string, builds: readonly Build[]) {
  let manager: StateManager
  try {
    manager = await StateManager.open(data, { backups: false })
  } catch (error) {
    return { isSafe: isDamage(error), wasNoticed: true, wasOpened: false, why: `open: ${messageOf(error)}` }
  }
  let noticed = 0
  try {
    for (const build of builds) {
      try {
        const read = await manager.get(build.name)
        if (JSON.stringify(read) !== JSON.stringify(build)) {
          // A build that is missing from the index is for verify to find.
          if (read !== null)
            return { isSafe: false, wasNoticed: false, wasOpened: true, why: `${build.name} was read wrong` }
          noticed += 1
        }
      } catch (error) {
        if (!isDamage(error)) return { isSafe: false, wasNoticed: true, wasOpened: true, why: messageOf(error) }
        noticed += 1
      }
    }
    const damages = await manager.verify()
    const isSafe = noticed === 0 || damages.length > 0
    return { isSafe, wasNoticed: damages.length > 0, wasOpened: true, why: 'verify called damage good' }
  } catch (error) {
    return { isSafe: isDamage(error), wasNoticed: true, wasOpened: true, why: messageOf(error) }
  } finally {
    await manager.close()
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'STATE_DAMAGED'
}

/** One command brings the newest good backup back, and the damaged file stays for a look. */
async function checkRestore(folder: string, expect: Expectations): Promise<void> {
  const data = join(folder, 'good')
  const path = statePath(data, 'default')
  const damaged = readFileSync(path)
  damaged.fill(0x5a, 0, 4096)
  writeFileSync(path, damaged)
  copyFileSync(path, join(folder, 'damaged-copy'))
  await expect.refusal('STATE_DAMAGED', () => StateManager.open(data))
  const locks = await LockManager.open(data)
  const restored = await restoreState(data, { name: 'default', locks })
  await locks.close()
  const kept = restored.setAside !== null && existsSync(restored.setAside) && readFileSync(restored.setAside)
  expect.that(kept !== false && kept.equals(damaged), 'the damaged file was not kept')
  const manager = await StateManager.open(data, { backups: false })
  expect.that((await manager.load()).size === BUILDS, 'the restored state is not whole')
  expect.that((await manager.verify()).length === 0, 'the restored state is damaged')
  await manager.close()
}

async function fillDisk(disk: string) {
  const expect = new Expectations()
  const data = join(disk, 'data')
  // Closed whatever happens: a disk in use cannot be unmounted.
  await using manager = await StateManager.open(data, { backups: false })
  const { saves, refusal } = await saveUntilRefused(manager)
  const code = refusal instanceof HoldfastError ? refusal.code : messageOf(refusal)
  expect.that(code === 'NO_SPACE', `expected NO_SPACE, but got ${code}`)
  writeFileSync(join(disk, 'probe'), '')
  const { serial, buildCount } = await manager.head()
  expect.that(
    serial === saves && buildCount === saves,
    `${saves} saves were acknowledged, the state counts ${buildCount}`,
  )
  expect.that((await manager.get(buildName(saves - 1))) !== null, 'the last acknowledged save cannot be read')
  const grown = spawnSync('mount', ['-o', 'remount,size=64m', disk])
  expect.that(grown.status === 0, 'the disk could not be made bigger')
  await manager.update((draft) => draft.put(noise(saves)))
  expect.that((await manager.verify()).length === 0, 'the state is damaged')
  return {
    failures: expect.failures,
    figures: { 'saves until full': String(saves), 'error then': code, 'after space was freed': 'works' },
  }
}

async function saveUntilRefused(manager: StateManager): Promise<{ saves: number; refusal: unknown }> {
  for (let saves = 0; ; saves++) {
    try {
      await manager.update((draft) => draft.put(noise(saves)))
    } catch (error) {
      return { saves, refusal: error }
    }
  }
}

/** A build that does not compress. */
function noise(index: number): Build {
  const text = Array.from({ length: 4000 }, () => String.fromCodePoint(33 + randomInt(90))).join('')
  return { ...sampleBuild(index), metadata: { text } }
}
