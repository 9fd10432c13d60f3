/** The joined table of error codes. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { BASE_ERRORS } from '../../src/base/index.ts'
import { BUILD_ERRORS } from '../../src/builds/errors.ts'
import { ERROR_CODES, exitCodeOf } from '../../src/cli/error-codes.ts'
import { CLI_ERRORS } from '../../src/cli/errors.ts'
import { CLIENT_ERRORS } from '../../src/client/errors.ts'
import { LAB_ERRORS } from '../../src/lab/errors.ts'
import { LOCK_ERRORS } from '../../src/lock/errors.ts'
import { statusOf } from '../../src/server/error-codes.ts'
import { SERVER_ERRORS } from '../../src/server/errors.ts'
import { SHARE_ERRORS } from '../../src/share/errors.ts'
import { STATE_ERRORS } from '../../src/state/errors.ts'
import { STORAGE_ERRORS } from '../../src/storage/errors.ts'

const TABLES = [
  BASE_ERRORS,
  STORAGE_ERRORS,
  LOCK_ERRORS,
  STATE_ERRORS,
  SHARE_ERRORS,
  BUILD_ERRORS,
  CLIENT_ERRORS,
  LAB_ERRORS,
  SERVER_ERRORS,
  CLI_ERRORS,
]

it('has every code of every room, and no code of two rooms', () => {
  const codes = TABLES.flatMap((table) => Object.keys(table))
  assert.deepEqual(Object.keys(ERROR_CODES).toSorted(), codes.toSorted())
})

it('answers a code that it does not know as a fault of its own', () => {
  assert.equal(exitCodeOf('NO_SUCH_CODE'), 70)
  assert.equal(statusOf('NO_SUCH_CODE'), 500)
})

it('has a status of HTTP, an exit code and a sentence for each code', () => {
  for (const [code, { http, exit, meaning }] of Object.entries(ERROR_CODES)) {
    assert.ok(http >= 400 && http < 600 && exit > 0 && exit < 128, code)
    assert.match(meaning, /^[A-Z].*\.$/, code)
  }
})
