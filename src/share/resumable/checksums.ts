/** Checks of one part of an upload: what its sender says of the bytes must hold before the part counts. */
import { createHash, type Hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { BodyDigests } from '../body-digests.ts'
import { invalid } from '../fields.ts'
import { ShareError } from '../errors.ts'

/** By the names that tus uses for them; Node and HTTP know most under others. */
export const CHECKSUM_ALGORITHMS = ['sha1', 'sha256', 'sha384', 'sha512', 'md5'] as const

const DIGEST_BYTES = { sha1: 20, sha256: 32, sha384: 48, sha512: 64, md5: 16 } as const
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

type Algorithm = (typeof CHECKSUM_ALGORITHMS)[number]

/** Takes the bytes of one part as they arrive, and in the end compares them with the checksum. */
export interface PartCheck {
  update(chunk: Uint8Array): void
  /** @throws CHECKSUM_MISMATCH, DIGEST_MISMATCH */
  finish(): void
}

class UploadChecksum implements PartCheck {
  readonly #algorithm: Algorithm
  readonly #expected: Buffer
  readonly #hash: Hash

  constructor(algorithm: Algorithm, expected: Buffer) {
    this.#algorithm = algorithm
    this.#expected = expected
    this.#hash = createHash(algorithm)
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk)
  }

  finish(): void {
    const actual = this.#hash.digest()
    if (actual.equals(this.#expected)) return
    const [is, expected] = [actual.toString('base64'), this.#expected.toString('base64')]
    throw new ShareError('CHECKSUM_MISMATCH', `the part has the ${this.#algorithm} ${is}, expected ${expected}`, {
      hint: 'The part was thrown away: send it again from the same offset.',
      retryable: true,
    })
  }
}

/**
 * Upload-Checksum of tus: an algorithm and a digest in base64, `sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=`.
 * @throws INVALID_REQUEST when the algorithm is unknown or the digest does not fit it.
 */
export function parseUploadChecksum(given: string): PartCheck {
  const [name = '', digest = '', ...rest] = given.trim().split(/ +/)
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name.toLowerCase())
  if (!algorithm) {
    const known = CHECKSUM_ALGORITHMS.join(', ')
    throw invalid('Upload-Checksum', `the algorithm ${JSON.stringify(name)} is not known here; use one of ${known}`)
  }
  const bytes = Buffer.from(digest, 'base64')
  const isDigest = rest.length === 0 && BASE64.test(digest) && bytes.length === DIGEST_BYTES[algorithm]
  if (!isDigest) {
    throw invalid(
      'Upload-Checksum',
      `${JSON.stringify(given)} does not hold a ${algorithm} digest (${DIGEST_BYTES[algorithm]} bytes) in base64`,
    )
  }
  return new UploadChecksum(algorithm, bytes)
}

/**
 * The digests of HTTP (RFC 9530) that a part carries, or null when it carries none.
 * @param isWhole whether the part is all of the file: only then can a digest of the whole be checked with it.
 * @throws INVALID_REQUEST
 */
export function parseDigests(headers: IncomingHttpHeaders, isWhole: boolean): PartCheck | null {
  for (const name of ['repr-digest', 'digest']) {
    if (headers[name] === undefined || isWhole) continue
    throw invalid(name, 'it cannot be checked on a part; send Content-Digest, or compare the SHA-256 of the file')
  }
  const isGiven = ['content-digest', 'content-md5', 'repr-digest', 'digest'].some((name) => headers[name] !== undefined)
  if (!isGiven) return null
  const digests = new BodyDigests(headers)
  return { update: (chunk) => digests.update(chunk), finish: () => digests.check() }
}
