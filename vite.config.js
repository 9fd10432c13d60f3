import { defineConfig } from 'vite'

/**
 * The oldest browsers that the page runs in. Syntax is lowered to them; `lib` in src/web/tsconfig.json keeps out methods
 * that they lack, and test/web/browser-floor.test.ts looks through the built files. index.html names them to a reader.
 */
const OLDEST_BROWSERS = ['safari15.4', 'firefox102', 'chrome100']

export default defineConfig({
  root: 'src/web',
  // The server writes the path under which the client sees the app before each address in index.html.
  base: './',
  build: { outDir: '../../dist/web', emptyOutDir: true, assetsInlineLimit: 0, target: OLDEST_BROWSERS },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '/api': 'http://127.0.0.1:4001' } },
})
