import type { Command } from 'commander'
import { createLog, formatBytes, systemClock } from '../base/index.ts'
import { Files, shareMigrations, verifyFiles, type Finding } from '../share/index.ts'
import { inspectDataFolder, openBlobs, openSqlite } from '../storage/index.ts'
import { addConfigFlags, readConfig } from './config-flags.ts'

const EXIT_DAMAGE_FOUND = 1

export function registerVerify(program: Command): void {
  const verify = program
    .command('verify')
    .description('re-hash every stored file; report what is missing, damaged or orphaned; exit 1 if a file is')
    .option('--json', 'print one JSON object a line')
  addConfigFlags(verify, ['dataFolder']).action(async () => {
    const folder = inspectDataFolder(readConfig(verify).dataFolder)
    const { json } = verify.opts<{ json?: boolean }>()
    await using closing = new AsyncDisposableStack()
    const database = await openSqlite(folder.databasePath, { migrations: shareMigrations, readOnly: true })
    closing.defer(() => database.close())
    const blobs = await openBlobs(folder.path, { durable: true, log: await createLog('silent') })
    closing.defer(() => blobs.close())
    const counts = { ok: 0, missing: 0, damaged: 0, orphaned: 0 }
    for await (const finding of verifyFiles(new Files(database, blobs, systemClock), blobs)) {
      counts[finding.state] += 1
      if (json) console.log(JSON.stringify(describe(finding)))
      else if (finding.state !== 'ok') console.log(inWords(finding))
    }
    if (!json) console.log(summary(counts))
    if (counts.missing + counts.damaged > 0) process.exitCode = EXIT_DAMAGE_FOUND
  })
}

function describe(finding: Finding) {
  if (finding.state === 'orphaned') return finding
  const { id, filename, size_bytes: sizeBytes, sha256 } = finding.file
  return {
    state: finding.state,
    id,
    filename,
    sizeBytes,
    sha256,
    ...('problem' in finding && { problem: finding.problem }),
  }
}

function inWords(finding: Exclude<Finding, { state: 'ok' }>): string {
  if (finding.state === 'orphaned') {
    return `orphaned  ${finding.blobKey}: ${formatBytes(finding.sizeBytes)} that belong to no file; the server keeps them while it runs for 7 days`
  }
  return `${finding.state.padEnd(8)}  ${finding.file.id} ${JSON.stringify(finding.file.filename)}: ${finding.problem}`
}

function summary({ ok, missing, damaged, orphaned }: Record<Finding['state'], number>): string {
  return `${ok} files are whole, ${missing} missing, ${damaged} damaged; ${orphaned} orphaned blobs`
}
