/**
 * The changelog: one file a change in changelog/unreleased/, so that changes made side by side do not conflict. Works
 * in the current folder.
 *
 *   node scripts/changelog.ts check                      are all entries well formed?
 *   node scripts/changelog.ts release 1.2.0 [YYYY-MM-DD] moves them into CHANGELOG.md (default: today)
 *   node scripts/changelog.ts notes 1.2.0                prints what CHANGELOG.md says of a version
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatEntries, parseEntry, sectionOf, withSection, type Entry } from './changelog-text.ts'

const UNRELEASED = 'changelog/unreleased'
const CHANGELOG = 'CHANGELOG.md'
const VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/
const DATE = /^\d{4}-\d{2}-\d{2}$/

const [action = 'check', version = '', date = new Date().toISOString().slice(0, 10)] = process.argv.slice(2)
try {
  if (action === 'check') readEntries()
  else if (!VERSION.test(version))
    throw new Error(`invalid version ${JSON.stringify(version)}: expected one such as 1.2.0`)
  else if (action === 'release') release()
  else if (action === 'notes') console.log(notes())
  else throw new Error(`unknown action ${JSON.stringify(action)}: expected check, release or notes`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function release(): void {
  if (!DATE.test(date)) throw new Error(`invalid date ${JSON.stringify(date)}: expected YYYY-MM-DD`)
  const entries = readEntries()
  if (entries.length === 0) throw new Error(`there is nothing to release in ${UNRELEASED}/`)
  const section = `## ${version} (${date})\n\n${formatEntries(entries)}`
  writeFileSync(CHANGELOG, withSection(readFileSync(CHANGELOG, 'utf8'), section))
  for (const { name } of entries) rmSync(join(UNRELEASED, name))
}

function notes(): string {
  const section = sectionOf(readFileSync(CHANGELOG, 'utf8'), version)
  if (section !== null) return section
  throw new Error(`${CHANGELOG} has no version ${version}: run 'node scripts/changelog.ts release ${version}'`)
}

/** By name. @throws Error with all mistakes of all entries. */
function readEntries(): Entry[] {
  const parsed = readdirSync(UNRELEASED)
    .filter((name) => name !== '.gitkeep')
    .toSorted()
    .map((name) => parseEntry(name, readFileSync(join(UNRELEASED, name), 'utf8')))
  const mistakes = parsed.filter((entry) => typeof entry === 'string')
  if (mistakes.length > 0) throw new Error(mistakes.map((mistake) => `${UNRELEASED}/${mistake}`).join('\n'))
  return parsed.filter((entry) => typeof entry !== 'string')
}
