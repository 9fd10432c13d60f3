/** Killed and stopped processes, damage, full disks, restores. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, mock } from 'node:test'
import { HoldfastError, messageOf } from '../../src/base/index.ts'
import { LockManager, type Lock } from '../../src/lock/index.ts'
import { restoreState, StateManager, statePath } from '../../src/state/index.ts'
import { heightOfFile } from '../../src/state/sqlite/backup-files.ts'
import { SqliteBackups } from '../../src/state/sqlite/sqlite-backups.ts'
import { SqliteState } from '../../src/state/sqlite/sqlite-state.ts'
import { turnedBits } from '../helpers/damaged-index.ts'
import { startProgram } from '../helpers/program.ts'
import { withSmallDisk } from '../helpers/small-disk.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { counted, countOf } from './counting.ts'

const folder = tempFolder('state-accidents')
const program = (name: string) => join(import.meta.dirname, 'programs', name)
let states = 0

describe('a killed writer', () => {
  it('loses no acknowledged save', async () => {
    const data = fresh()
    let acknowledged = 0
    for (let kill = 0; kill < 6; kill++) {
      const writer = startProgram(program('save.ts'), [data])
      for (let line = 0; line <= kill; line++) acknowledged = Number(await writer.line())
      writer.kill('SIGKILL')
      await writer.ended
      await using manager = await StateManager.open(data, { backups: false })
      const kept = countOf(await manager.get('counter'))
      assert.ok(kept >= acknowledged, `${acknowledged} were acknowledged, ${kept} are kept`)
      assert.deepEqual(await manager.verify(), [])
    }
  })
})

describe('a stopped holder', () => {
  it('is fenced off when it wakes up and saves', async () => {
    const data = fresh()
    const sleeper = startProgram(program('lock-then-save.ts'), [data, '300'])
    assert.equal(await sleeper.line(), 'locked')
    sleeper.kill('SIGHUP')
    assert.equal(await sleeper.line(), 'stops')
    await using manager = await StateManager.open(data, { backups: false })
    const lock = await manager.lock({ operation: 'successor' })
    sleeper.kill('SIGUSR2')
    sleeper.kill('SIGCONT')
    assert.equal(await sleeper.line(), 'LOCK_LOST')
    await manager.update((draft) => draft.put(counted('x', 1)), { lock })
    await lock.release()
    assert.equal(await manager.get('late'), null)
  })
})

describe('a damaged state', () => {
  it('is found at open, left as it is, and restored from the newest good backup', async () => {
    const data = await stateWithBackup()
    const path = statePath(data, 'default')
    const damaged = readFileSync(path)
    damaged.fill(0x5a, 0, 5000)
    writeFileSync(path, damaged)
    await assert.rejects(StateManager.open(data), { code: 'STATE_DAMAGED' })
    assert.ok(readFileSync(path).equals(damaged))
    await using locks = await LockManager.open(data)
    const restored = await restoreState(data, { name: 'default', locks })
    assert.ok(restored.setAside && readFileSync(restored.setAside).equals(damaged))
    await using manager = await StateManager.open(data, { backups: false })
    assert.equal(countOf(await manager.get('x')), 1)
    assert.equal((await manager.head()).serial, restored.serial)
  })

  it('is restored by itself with autoRestore', async () => {
    const data = await stateWithBackup()
    writeFileSync(statePath(data, 'default'), 'this was a database once, before another program wrote into it')
    await using manager = await StateManager.open(data, { autoRestore: true, backups: false })
    assert.equal(countOf(await manager.get('x')), 1)
  })

  it('is restored once by processes that find it damaged at the same time', async () => {
    const data = await stateWithBackup()
    writeFileSync(statePath(data, 'default'), 'this was a database once, before another program wrote into it')
    const open = () => StateManager.open(data, { autoRestore: true, backups: false })
    const countUp = async (opening: Promise<StateManager>) => {
      await using manager = await opening
      await manager.update(async (draft) => draft.put(counted('x', countOf(await draft.get('x')) + 1)))
    }
    await Promise.all([countUp(open()), countUp(open())])
    await using manager = await StateManager.open(data, { backups: false })
    assert.equal(countOf(await manager.get('x')), 3)
    const setAside = readdirSync(join(data, 'states')).filter((name) => /\.replaced-[^-]+-[^-]+-[^-]+$/.test(name))
    assert.equal(setAside.length, 1, setAside.join(' '))
  })

  it('passes over backups that are damaged too, and says so when none is good', async () => {
    const data = await stateWithBackup()
    const [backup] = await new SqliteBackups(data).list('default')
    assert.ok(backup)
    writeFileSync(backup.path.replace('-serial', '9-serial'), 'no database at all, but the newest by its name')
    await using locks = await LockManager.open(data)
    assert.equal((await restoreState(data, { name: 'default', locks })).backup.path, backup.path)
    writeFileSync(backup.path, 'nor this one')
    await assert.rejects(restoreState(data, { name: 'default', locks }), { code: 'NO_GOOD_BACKUP' })
  })

  const places = {
    'the row of its save': { prepare: async () => {}, damage: 'UPDATE saves SET pack = zeroblob(length(pack))' },
    'a pack': { prepare: saveMany, damage: 'UPDATE packs SET body = zeroblob(length(body))' },
    'a block': {
      prepare: (manager: StateManager) => manager.compact(),
      damage: 'UPDATE blocks SET body = zeroblob(length(body))',
    },
  }
  for (const [place, { prepare, damage }] of Object.entries(places)) {
    it(`is named by verify, build by build, in ${place}`, async () => {
      const data = await stateWithBackup()
      const before = await StateManager.open(data, { backups: false })
      await prepare(before)
      await before.close()
      scribble(data, damage)
      await using manager = await StateManager.open(data, { backups: false })
      await assert.rejects(manager.get('x'), { code: 'STATE_DAMAGED', details: { build: 'x' } })
      const damages = await manager.verify()
      assert.ok(damages.some(({ what }) => what === 'build x'))
    })
  }

  it('never gives one build for another, wherever a bit of the index by name turned', async () => {
    const data = fresh()
    const before = await StateManager.open(data, { backups: false })
    const names = Array.from({ length: 40 }, (_, index) => `build-${index}`)
    await before.save((await before.load()).with(names.map((name, index) => counted(name, index))))
    await before.close()
    for (const bit of turnedBits(statePath(data, 'default'), 'heads')) {
      await using manager = await StateManager.open(data, { backups: false })
      for (const [index, name] of names.entries()) {
        const read = await manager.get(name).catch((error: unknown) => {
          assert.ok(error instanceof HoldfastError && error.code === 'STATE_DAMAGED', messageOf(error))
          return null
        })
        if (read) assert.deepEqual([read.name, countOf(read)], [name, index], bit)
      }
    }
  })

  it('is noticed when a build is missing or from another time', async () => {
    for (const change of [
      "DELETE FROM heads WHERE name = 'x'",
      "UPDATE heads SET status = 'complete' WHERE name = 'x'",
    ]) {
      const data = await stateWithBackup()
      scribble(data, change)
      await using manager = await StateManager.open(data, { backups: false })
      assert.deepEqual(
        (await manager.verify()).map(({ what }) => what),
        ['builds'],
        change,
      )
    }
  })

  it('is not backed up', async () => {
    const data = await stateWithBackup()
    scribble(data, 'UPDATE saves SET pack = zeroblob(length(pack))')
    await using manager = await StateManager.open(data, { backups: false })
    await assert.rejects(manager.backup(), { code: 'STATE_DAMAGED' })
    assert.equal((await new SqliteBackups(data).list('default')).length, 1)
  })
})

describe('a restore', () => {
  it('works when the file of the locks was lost', async () => {
    const data = await stateWithBackup()
    const manager = await StateManager.open(data, { backups: false })
    for (let turn = 0; turn < 5; turn++) await (await manager.lock({ operation: 'test' })).release()
    await manager.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `locks.db${suffix}`), { force: true })
    await using locks = await LockManager.open(data)
    const restored = await restoreState(data, { name: 'default', locks })
    await using after = await StateManager.open(data, { backups: false })
    assert.equal((await after.head()).serial, restored.serial)
    await after.update((draft) => draft.put(counted('x', 2)))
  })

  it('fences the old file off from a holder that has not noticed the loss of its lock', async () => {
    const data = await stateWithBackup()
    const path = statePath(data, 'default')
    const options = { lock: 'state/default', keepSerials: 100 }
    const old = await SqliteState.open(path, options)
    const { serial } = await old.head()
    const token = await old.fenceOf('state/default')
    await using locks = await LockManager.open(data)
    const { setAside } = await restoreState(data, { name: 'default', locks })
    assert.ok(setAside)
    const stale = await SqliteState.open(setAside, options)
    const request = { id: 'late', put: [], remove: [], at: 0, who: 'late', operation: 'late' }
    const fence = { lock: 'state/default', token }
    await assert.rejects(stale.save(serial, [request], [fence]), { code: 'LOCK_LOST' })
    await stale.close()
    await old.close()
  })

  it('takes all of a state that another process has open', async () => {
    const [elsewhere, data] = [fresh(), fresh()]
    await using source = await StateManager.open(elsewhere, { backups: false })
    await source.update((draft) => draft.put(counted('x', 7)))
    const { lineage } = await source.head()
    await using locks = await LockManager.open(data)
    await restoreState(data, { name: 'default', locks, from: statePath(elsewhere, 'default') })
    await using restored = await StateManager.open(data, { backups: false })
    assert.deepEqual([countOf(await restored.get('x')), (await restored.head()).lineage], [7, lineage])
  })

  it('sets aside a file that is whole without its log', async () => {
    const data = await stateWithBackup()
    await using before = await StateManager.open(data, { backups: false })
    await before.update((draft) => draft.put(counted('x', 2)))
    await using locks = await LockManager.open(data)
    const { setAside } = await restoreState(data, { name: 'default', locks })
    assert.ok(setAside)
    const alone = fresh()
    mkdirSync(join(alone, 'states'), { recursive: true })
    copyFileSync(setAside, statePath(alone, 'default'))
    await using manager = await StateManager.open(alone, { backups: false })
    assert.equal(countOf(await manager.get('x')), 2)
    assert.deepEqual(await manager.verify(), [])
  })

  it('is noticed by a caller that opens the state at that moment', async () => {
    const [data, elsewhere] = [await stateWithBackup(), await stateWithBackup()]
    const [path, other] = [statePath(data, 'default'), statePath(elsewhere, 'default')]
    const { lineage } = await headOf(elsewhere)
    const exec = mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, statements: string) {
      // As a restore would, when the old file is open already.
      exec.mock.restore()
      renameSync(path, `${path}.old`)
      copyFileSync(other, path)
      this.exec(statements)
    })
    assert.equal((await headOf(data)).lineage, lineage)
  })

  it('is seen by open handles, and keeps serials and tokens growing', async () => {
    const data = await stateWithBackup()
    await using before = await StateManager.open(data, { backups: false })
    await before.update((draft) => draft.put(counted('x', 2)))
    const { serial } = await before.head()
    const path = statePath(data, 'default')
    const known = await heightOfFile(path, 'state/default')
    await using locks = await LockManager.open(data)
    const restored = await restoreState(data, { name: 'default', locks })
    assert.ok(restored.serial > serial)
    await assert.rejects(before.get('x'), { code: 'STATE_REPLACED' })
    await assert.rejects(
      before.update((draft) => draft.put(counted('x', 3))),
      { code: 'STATE_REPLACED' },
    )
    await using after = await StateManager.open(data, { backups: false })
    assert.equal(countOf(await after.get('x')), 1)
    const height = await heightOfFile(path, 'state/default')
    assert.ok(known && height && height.token > known.token)
    await after.update((draft) => draft.put(counted('x', 4)))
    assert.deepEqual(await after.verify(), [])
  })
})

describe('a list of backups', () => {
  it('leaves out backups that another process removes meanwhile', async () => {
    const data = await stateWithBackup()
    const [backup] = await new SqliteBackups(data).list('default')
    assert.ok(backup)
    // In the folder when that is read, and gone when it is looked at.
    symlinkSync('gone', backup.path.replace('-serial', '9-serial'))
    assert.deepEqual(await new SqliteBackups(data).list('default'), [backup])
  })
})

describe('a read-only disk', () => {
  it('is reported by states and by locks, and existing data can be read', async (t) => {
    await withSmallDisk(t, 'size=20m', async (disk) => {
      await using before = await StateManager.open(disk, { backups: false })
      await before.update((draft) => draft.put(counted('x', 1)))
      const view = fresh()
      mkdirSync(view)
      spawnSync('mount', ['--bind', disk, view])
      try {
        assert.equal(spawnSync('mount', ['-o', 'remount,bind,ro', view]).status, 0)
        await refuseToWrite(view)
      } finally {
        // SQLite keeps its files of the view open for as long as the same ones are open elsewhere.
        await before.close()
        spawnSync('umount', [view])
      }
    })
  })
})

it('names at once a state or locks whose path is not a file', async () => {
  for (const name of ['states/default.db', 'locks.db']) {
    const data = fresh()
    mkdirSync(join(data, name), { recursive: true })
    const save = async () => {
      await using manager = await StateManager.open(data, { backups: false })
      await manager.update((draft) => draft.put(counted('x', 1)))
    }
    await assert.rejects(save, { code: 'DATA_FOLDER_UNUSABLE', message: `${join(data, name)} is not a file` })
  }
})

async function refuseToWrite(data: string): Promise<void> {
  await using manager = await StateManager.open(data, { backups: false })
  assert.equal(countOf(await manager.get('x')), 1)
  const unusable = (file: string) => ({ code: 'DATA_FOLDER_UNUSABLE', message: new RegExp(`${file}.* cannot be used`) })
  await assert.rejects(manager.compact(), unusable('default.db'))
  await assert.rejects(
    manager.update((draft) => draft.put(counted('x', 2))),
    unusable('locks.db'),
  )
}

describe('automatic backups', () => {
  it('come after saves, no more often than they should, and the oldest go', async () => {
    const data = fresh()
    for (let round = 1; round <= 4; round++) {
      await using manager = await StateManager.open(data, { backups: { everyMs: 0, keep: 2 } })
      await manager.update((draft) => draft.put(counted('x', round)))
    }
    assert.deepEqual(
      (await new SqliteBackups(data).list('default')).map(({ serial }) => serial),
      [4, 3],
    )
    await using manager = await StateManager.open(data)
    await manager.update((draft) => draft.put(counted('x', 9)))
    assert.equal((await new SqliteBackups(data).list('default')).length, 2)
    assert.ok(!readdirSync(join(data, 'states', 'default.backups')).some((name) => name.includes('.part')))
  })

  it('are made while a part of the state is locked, whatever its name', async () => {
    const data = fresh()
    const manager = await StateManager.open(data, { backups: { everyMs: 0 } })
    const part = await manager.lock({ operation: 'build', scope: 'backup' })
    await manager.update((draft) => draft.put(counted('x', 1)))
    // Before the part's lock is released.
    await manager.close()
    assert.equal(part.signal.aborted, false)
    assert.equal((await new SqliteBackups(data).list('default')).length, 1)
  })

  it('remove leftovers of killed processes, and nothing of running ones', async () => {
    const data = await stateWithBackup()
    const backups = join(data, 'states', 'default.backups')
    const longAgo = new Date(Date.now() - 2 * 86_400_000)
    for (const name of ['.1-1.part', '.1-1.part-wal', '.2-2.part']) writeFileSync(join(backups, name), '')
    for (const name of ['.1-1.part', '.1-1.part-wal']) utimesSync(join(backups, name), longAgo, longAgo)
    const manager = await StateManager.open(data, { backups: { everyMs: 0 } })
    await manager.update((draft) => draft.put(counted('x', 2)))
    await manager.close()
    assert.deepEqual(
      readdirSync(backups).filter((name) => name.startsWith('.')),
      ['.2-2.part'],
    )
  })
})

async function headOf(data: string) {
  await using manager = await StateManager.open(data, { backups: false })
  return manager.head()
}

async function stateWithBackup(): Promise<string> {
  const data = fresh()
  const manager = await StateManager.open(data, { backups: false })
  await manager.update((draft) => draft.put(counted('x', 1)))
  await manager.update((draft) => draft.put(counted('y', 1)))
  await manager.backup()
  await manager.close()
  return data
}

/** More than goes into the row of a save. */
async function saveMany(manager: StateManager): Promise<void> {
  await manager.update(async (draft) => {
    await draft.put(counted('x', 2))
    for (let index = 0; index < 100; index++) await draft.put(counted(`many ${index}`, index))
  })
}

function fresh(): string {
  return join(folder, String(states++))
}

/** Changes the file behind the state's back. */
function scribble(data: string, statement: string): void {
  const connection = new DatabaseSync(statePath(data, 'default'))
  connection.exec(statement)
  connection.close()
}

it('opens new locks for a state whose locks were removed, and ends the old ones', async () => {
  const data = tempFolder('state-without-locks')
  await using manager = await StateManager.open(data, { backups: false })
  await using other = await StateManager.open(data, { backups: false })
  const save = (of: StateManager, count: number, lock?: Lock) =>
    of.update((draft) => draft.put(counted('x', count)), lock && { lock })
  const lock = await manager.lock({ operation: 'test' })
  await save(manager, 1, lock)
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `locks.db${suffix}`), { force: true })
  await save(other, 2)
  await assert.rejects(save(manager, 666, lock), { code: 'LOCK_LOST' })
  await save(manager, 3)
  await using next = await other.lock({ operation: 'test' })
  assert.ok(next.fencingToken > lock.fencingToken)
  assert.equal(countOf(await manager.get('x')), 3)
})
