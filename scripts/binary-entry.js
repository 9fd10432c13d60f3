// Where the one-file program begins: out/holdfast, which scripts/build-binary.js makes. It stands at the root of the
// files inside the program.
import { setFlagsFromString } from 'node:v8'

const [, , word = ''] = process.argv
// As `node FILE ...` does: Holdfast starts its own modules as processes by its own executable and their paths.
if (word.startsWith(`${import.meta.dirname}/dist/`)) process.argv.splice(1, 1)
else process.argv[1] = `${import.meta.dirname}/dist/cli/main.js`
// As bin/holdfast does (docs/decisions/0002).
if (word === 'serve') setFlagsFromString('--no-opt')
await import(process.argv[1])
