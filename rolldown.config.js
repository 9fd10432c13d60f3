import { defineConfig } from 'rolldown'

/** The program in few files: it starts twice as fast and takes 10 MB less than as hundreds of modules. */
export default defineConfig({
  input: {
    'cli/main': 'src/cli/main.ts',
    'storage/blobs/filesystem/write-worker': 'src/storage/blobs/filesystem/write-worker.ts',
    'builds/checkpoint/command': 'src/builds/checkpoint/command.ts',
    'builds/manifest/command': 'src/builds/manifest/command.ts',
    'stress/worker': 'src/stress/worker.ts',
    // The libraries: `import { StateManager } from 'holdfast/state'`.
    'state/index': 'src/state/index.ts',
    'lock/index': 'src/lock/index.ts',
  },
  platform: 'node',
  output: {
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // Names stay, so that a stack trace can be read; comments and blanks would be kept in memory.
    minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
  },
  // Finds its WebAssembly beside itself.
  external: ['web-tree-sitter'],
  treeshake: { moduleSideEffects: true },
})
