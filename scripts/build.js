// Builds the program to dist/, the library to dist/library/ (a package of its own) and the browser app to dist/web/,
// when the sources are newer than the last build. `npm ci` runs it too, so that bin/holdfast works from a fresh
// checkout.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const STAMP = 'dist/.stamp'
const NEXT = 'dist.next'
const INPUTS = [
  'src',
  'packages',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'rolldown.config.js',
  'vite.config.js',
  'scripts/build.js',
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
if (isStale()) build()

function isStale() {
  if (!existsSync(STAMP)) return true
  const builtAt = statSync(STAMP).mtimeMs
  return INPUTS.some((path) => newestChange(path) > builtAt)
}

function newestChange(path) {
  const info = statSync(path)
  if (!info.isDirectory()) return info.mtimeMs
  return Math.max(info.mtimeMs, ...readdirSync(path).map((name) => newestChange(`${path}/${name}`)))
}

function build() {
  console.log('build: src/ to dist/')
  const startedAt = new Date()
  rmSync(NEXT, { recursive: true, force: true })
  mkdirSync(NEXT)
  run('tsc', ['-p', 'tsconfig.build.json', '--outDir', `${NEXT}/types`])
  run('rolldown', ['--config', 'rolldown.config.js', '--log-level', 'warn'])
  rmSync(`${NEXT}/types`, { recursive: true })
  describeLibrary(`${NEXT}/library`)
  run('vite', ['build', '--outDir', `../../${NEXT}/web`, '--logLevel', 'warn'])
  compress(`${NEXT}/web/assets`)
  writeFileSync(`${NEXT}/.stamp`, '')
  utimesSync(`${NEXT}/.stamp`, startedAt, startedAt)
  // Only a whole build takes the place of the last one: what runs from that may start workers and commands meanwhile.
  rmSync('dist', { recursive: true, force: true })
  renameSync(NEXT, 'dist')
}

/** Makes a package of the library that `npm pack dist/library` can pack. */
function describeLibrary(folder) {
  const manifest = JSON.parse(readFileSync('packages/state/package.json', 'utf8'))
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  writeFileSync(`${folder}/package.json`, JSON.stringify({ ...manifest, version }, null, 2))
  for (const path of ['packages/state/README.md', 'LICENSE']) copyFileSync(path, `${folder}/${basename(path)}`)
}

/** Once here rather than for each client. */
function compress(folder) {
  for (const name of readdirSync(folder).filter((file) => /\.(js|css|svg)$/.test(file))) {
    const content = readFileSync(`${folder}/${name}`)
    writeFileSync(`${folder}/${name}.br`, brotliCompressSync(content))
    writeFileSync(`${folder}/${name}.gz`, gzipSync(content, { level: 9 }))
  }
}

function run(tool, args) {
  const result = spawnSync('node_modules/.bin/node', [`node_modules/.bin/${tool}`, ...args], { stdio: 'inherit' })
  if (result.status === 0) return
  console.error(`build: ${tool} failed`)
  process.exit(1)
}
