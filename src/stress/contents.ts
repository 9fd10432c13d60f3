/** What builds may hold, and files that are not states. */
import { StateManager, MAX_NESTING, readDocument, type Build, type Json } from '../state/index.ts'
import { sampleBuild } from './builds.ts'
import { Expectations, type Scenario } from './scenario.ts'

const DEPTH = 100

const TEXTS: Record<string, string> = {
  chinese: '镜像构建 完成',
  russian: 'сборка образа',
  arabic: 'بناء الصورة',
  emoji: '🚀🔒👩‍👩‍👧‍👦',
  html: '<script>alert("x")</script>&amp;',
  sql: "'; DROP TABLE heads; --",
  control: '\u0001\u0008\u001b[31m\u007f\r\n\t',
  loneSurrogate: '\ud800',
  separators: '\u2028\u2029\ufeff\u202e',
  long: 'x'.repeat(10_000),
  empty: '',
  spaces: '   \t  ',
  quotes: '"\\"\'`',
}

export const contents: Scenario[] = [
  {
    name: 'DeepNesting (100 levels)',
    suite: 'state',
    seed: '100 levels pass, no limit known',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await StateManager.open(folder, { backups: false })
      for (const depth of [DEPTH, MAX_NESTING]) {
        await manager.update((draft) => draft.put({ ...sampleBuild(depth), metadata: nested(depth) }))
      }
      await using other = await StateManager.open(folder, { backups: false })
      const build = (await other.load()).get(sampleBuild(DEPTH).name)
      expect.that(JSON.stringify(build?.metadata) === JSON.stringify(nested(DEPTH)), 'it came back changed')
      for (const depth of [MAX_NESTING + 1, 50_000]) {
        const tooDeep = () => manager.update((draft) => draft.put({ ...sampleBuild(1), metadata: nested(depth) }))
        await expect.refusal('NESTING_TOO_DEEP', tooDeep)
      }
      expect.that((await manager.get(sampleBuild(1).name)) === null, 'a refused build was saved')
      return { failures: expect.failures, figures: { levels: String(DEPTH), limit: String(MAX_NESTING) } }
    },
  },
  {
    name: 'UnicodeAndSpecialChars',
    suite: 'state',
    seed: 'all correct',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await StateManager.open(folder, { backups: false })
      const entries = Object.entries(TEXTS)
      const builds = entries.map(([kind, text]) => buildOfText(kind, text))
      await manager.save((await manager.load()).with(builds))
      await using other = await StateManager.open(folder, { backups: false })
      const state = await other.load()
      for (const build of builds) {
        const found = state.get(build.name)
        expect.that(found?.source === build.source, `the text "${build.name}" came back changed`)
        expect.that(JSON.stringify(found?.metadata) === JSON.stringify(build.metadata), `its key "${build.name}" did`)
      }
      return {
        failures: expect.failures,
        figures: { texts: String(builds.length), changed: String(expect.failures.length) },
      }
    },
  },
  {
    name: 'CorruptionRecovery (files to import)',
    suite: 'state',
    seed: 'empty, invalid, truncated, NUL bytes, minimal: clear errors',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await StateManager.open(folder, { backups: false })
      const cases: Record<string, string> = {
        '': 'IMPORT_EMPTY',
        ' \n ': 'IMPORT_EMPTY',
        '{not json': 'IMPORT_INVALID_JSON',
        '{"version":1,"serial":3,"builds":{"web":{"na': 'IMPORT_TRUNCATED',
        '\0\0\0\0': 'IMPORT_NUL_BYTES',
        '{"version":1}\0\0': 'IMPORT_NUL_BYTES',
        '[1,2]': 'IMPORT_NOT_A_STATE',
        '{"builds":7}': 'IMPORT_NOT_A_STATE',
      }
      for (const [text, code] of Object.entries(cases)) {
        await expect.refusal(code, async () => manager.replace(readDocument('a file', Buffer.from(text)).builds))
      }
      expect.that((await manager.head()).serial === 0, 'a bad file changed the state')
      const minimal = readDocument('a file', Buffer.from('{"version":1,"serial":1,"builds":{"web":{}}}'))
      await manager.replace(minimal.builds)
      expect.that((await manager.get('web')) !== null, 'a minimal file was not imported')
      return {
        failures: expect.failures,
        figures: { files: String(Object.keys(cases).length + 1), 'wrong errors': String(expect.failures.length) },
      }
    },
  },
]

function buildOfText(kind: string, text: string): Build {
  const name = `${kind}: ${text.slice(0, 100).toWellFormed()}`
  return { ...sampleBuild(0), name, source: text, metadata: { [text]: text } }
}

function nested(levels: number): { [key: string]: Json } {
  let value: { [key: string]: Json } = { leaf: true }
  for (let level = 1; level < levels; level++) value = { level, in: value }
  return value
}
