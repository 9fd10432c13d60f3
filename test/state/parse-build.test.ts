/** The quick way through parseBuild must say what the schema says: of any value, right or wrong. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildSchema, BUILD_STATUSES, MAX_NESTING, PROVISIONER_STATUSES } from '../../src/state/build.ts'
import { parseBuild } from '../../src/state/parse-build.ts'
import { copyOfPlainBuild } from '../../src/state/plain-build.ts'

const text = fc.string({ maxLength: 8 })
const textOrNull = fc.option(text)
const metadata = fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }))

const provisioner = fc.record(
  {
    name: text,
    status: fc.constantFrom(...PROVISIONER_STATUSES),
    error: textOrNull,
    startedAt: textOrNull,
    endedAt: textOrNull,
    exitStatus: fc.integer(),
    output: text,
    attempts: fc.nat(),
  },
  { requiredKeys: ['name', 'status', 'error', 'startedAt', 'endedAt'] },
)

const artifact = fc.record(
  { path: text, sizeBytes: fc.nat(), sha256: text, url: textOrNull, type: text },
  { requiredKeys: ['path', 'sizeBytes', 'sha256', 'url'] },
)

const build = fc.record({
  name: fc.string({ minLength: 1, maxLength: 20 }),
  source: text,
  status: fc.constantFrom(...BUILD_STATUSES),
  templateHash: textOrNull,
  instance: fc.jsonValue({ maxDepth: 2 }),
  provisioners: fc.array(provisioner, { maxLength: 3 }),
  artifacts: fc.array(artifact, { maxLength: 3 }),
  error: textOrNull,
  createdAt: text,
  startedAt: textOrNull,
  endedAt: textOrNull,
  metadata,
})

/** Values of any type, in the place of a valid one. */
const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything(),
  fc.constantFrom(
    undefined,
    null,
    '',
    '\0',
    '\ud800',
    'x'.repeat(513),
    -1,
    1.5,
    2 ** 53,
    Number.NaN,
    [],
    {},
    [null],
    [{}],
  ),
)

describe('parseBuild', () => {
  it('takes the quick way for exactly the fields of a build', () => {
    fc.assert(
      fc.property(build, (value) => {
        const plain = copyOfPlainBuild(value)
        const { data } = buildSchema.safeParse(value)
        // The text is what is stored: the order of fields counts too.
        assert.equal(JSON.stringify(plain), JSON.stringify(data))
      }),
    )
  })

  it('leaves everything else to the schema, and accepts nothing that the schema refuses', () => {
    const fields = fc.constantFrom(...Object.keys(buildSchema.shape), 'more')
    fc.assert(
      fc.property(build, fields, strange, (value, field, other) => agrees({ ...value, [field]: other })),
      { numRuns: 1000 },
    )
    const inProvisioner = fc.constantFrom(
      'name',
      'status',
      'error',
      'startedAt',
      'exitStatus',
      'output',
      'attempts',
      'more',
    )
    fc.assert(
      fc.property(build, provisioner, inProvisioner, strange, (value, one, field, other) =>
        agrees({ ...value, provisioners: [{ ...one, [field]: other }] }),
      ),
      { numRuns: 1000 },
    )
    const inArtifact = fc.constantFrom('path', 'sizeBytes', 'sha256', 'url', 'type', 'more')
    fc.assert(
      fc.property(build, artifact, inArtifact, strange, (value, one, field, other) =>
        agrees({ ...value, artifacts: [{ ...one, [field]: other }] }),
      ),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(fc.anything(), agrees))
    fc.assert(fc.property(build, (value) => agrees(Object.assign([], value))))
    fc.assert(
      fc.property(build, provisioner, (value, one) => agrees({ ...value, provisioners: [Object.assign([], one)] })),
    )
  })

  it('names the field that is wrong, and how a name must be', () => {
    const value = { ...fc.sample(build, 1)[0], name: 'web' }
    const wrong = (change: object) => () => parseBuild({ ...value, ...change })
    assert.throws(wrong({ status: 'done' }), /the build "web" is not valid: status: .*, not "done"$/)
    assert.throws(wrong({ name: '' }), /name: is not 1 to 512 characters/)
    assert.throws(wrong({ artifacts: [{ path: 'disk' }] }), /artifacts\.0\.sizeBytes: /)
    assert.throws(wrong({ provisioners: 'none' }), { code: 'INVALID_BUILD' })
    assert.equal(parseBuild(parseBuild({ ...value, more: 1 })).name, 'web')
  })

  it('leaves nesting beyond the limit to the schema', () => {
    const [value] = fc.sample(build, 1)
    const nested = (levels: number): object => (levels === 1 ? {} : { in: nested(levels - 1) })
    assert.ok(copyOfPlainBuild({ ...value, metadata: nested(MAX_NESTING) }))
    assert.equal(copyOfPlainBuild({ ...value, metadata: nested(MAX_NESTING + 1) }), null)
  })
})

/** What the quick way gives, if it gives anything, is what the schema gives. */
function agrees(value: unknown): void {
  const plain = copyOfPlainBuild(value)
  if (plain !== null) assert.deepEqual(plain, buildSchema.safeParse(value).data)
}
