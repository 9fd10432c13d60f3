import { defineConfig, type OxlintOverride } from 'oxlint'
import { closedTo, ROOMS } from './floors.ts'

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'import', 'promise', 'oxc'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  env: { node: true, es2024: true },
  options: { typeAware: true },
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': [
      'error',
      // The test runner awaits its own tests.
      { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['describe', 'it'] }] },
    ],
    'typescript/no-misused-promises': 'error',
    'import/no-cycle': 'error',
    'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    'no-empty': ['error', { allowEmptyCatch: false }],
    // A loop that awaits is how things happen one after another, which is mostly what is meant here.
    'no-await-in-loop': 'off',
    // What a library or a message channel types as unknown has to be named once, at the edge.
    'typescript/no-unsafe-type-assertion': 'off',
    'import/no-unassigned-import': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/prefer-set-has': 'off',
    'no-new': 'off',
    // Knows Express only; Fastify awaits its handlers.
    'oxc/no-async-endpoint-handlers': 'off',
  },
  ignorePatterns: ['dist', 'node_modules'],
  overrides: [
    {
      files: ['test/**', 'bench/**'],
      rules: { 'max-lines-per-function': 'off', 'max-lines': ['error', { max: 600 }] },
    },
    {
      files: ['src/web/**'],
      // The oldest browsers that the page runs in have no Array#toSorted.
      rules: { 'unicorn/no-array-sort': 'off', 'unicorn/no-array-reverse': 'off' },
    },
    ...Object.keys(ROOMS).map((room): OxlintOverride => ({
      files: [`src/${room}/**`, `test/floors/violations/${room}/**`],
      rules: { 'no-restricted-imports': ['error', { patterns: closedTo(room) }] },
    })),
  ],
})
