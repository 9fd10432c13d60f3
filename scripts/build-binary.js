// Makes the whole program one file, out/holdfast, for machines of this platform: Node, the built program, the browser
// app and the WebAssembly of the template's parser. Nothing is unpacked when it runs: Node shows it the files inside
// as a file system.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempDisposableSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OUTPUT = 'out/holdfast'
/** A change in any of these files calls for a new program. */
const INPUTS = ['dist/.stamp', 'package-lock.json', 'scripts/build-binary.js', 'scripts/binary-entry.js']
const FILES = [
  'package.json',
  'dist/{builds,chunks,cli,storage,stress,web}/**',
  'node_modules/web-tree-sitter/{package.json,web-tree-sitter.js,web-tree-sitter.wasm}',
  'node_modules/@tree-sitter-grammars/tree-sitter-hcl/{package.json,tree-sitter-hcl.wasm}',
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
run('scripts/build.js')
if (isStale()) build()

function isStale() {
  if (!existsSync(OUTPUT)) return true
  const builtAt = statSync(OUTPUT).mtimeMs
  return [...INPUTS, process.execPath].some((path) => statSync(path).mtimeMs > builtAt)
}

function build() {
  console.log(`build: ${OUTPUT}`)
  mkdirSync('out', { recursive: true })
  using work = mkdtempDisposableSync(join(tmpdir(), 'holdfast-binary-'))
  run('--build-sea', writeConfig(join(work.path, 'config.json'), `${OUTPUT}.next`))
  // Only a whole program takes the place of the last one, which may be running.
  renameSync(`${OUTPUT}.next`, OUTPUT)
}

function writeConfig(path, output) {
  const files = globSync(FILES).filter((file) => statSync(file).isFile())
  const config = {
    main: 'scripts/binary-entry.js',
    mainFormat: 'module',
    output,
    useVfs: true,
    disableExperimentalSEAWarning: true,
    assets: Object.fromEntries(files.map((file) => [file, file])),
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

function run(...args) {
  const result = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (result.status !== 0) throw new Error(`'node ${args.join(' ')}' failed`)
}
