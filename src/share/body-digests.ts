/**
 * The digests of a body that its client sends along: Content-Digest and Repr-Digest (RFC 9530), Digest (RFC 3230) and
 * Content-MD5 (RFC 1864), before the body or in its trailers. A body is hashed for them only when one is announced.
 */
import { createHash, type Hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { HoldfastError } from '../base/index.ts'
import { invalid } from './fields.ts'
import { ShareError } from './errors.ts'

/**
 * Names of RFC 9530 and RFC 3230 in lower case, each with Node's name and the bytes of a digest. Others are ignored.
 */
const ALGORITHMS: Readonly<Record<string, { hash: string; bytes: number }>> = {
  md5: { hash: 'md5', bytes: 16 },
  sha: { hash: 'sha1', bytes: 20 },
  'sha-256': { hash: 'sha256', bytes: 32 },
  'sha-512': { hash: 'sha512', bytes: 64 },
}

interface Expected {
  header: string
  algorithm: string
  digest: Buffer
}

const ANNOUNCED = /\b(content-digest|repr-digest|digest|content-md5)\b/i

export class BodyDigests {
  readonly #expected: Expected[]
  readonly #hashes: Map<string, Hash>

  /** @throws INVALID_REQUEST when a header is malformed. */
  constructor(headers: IncomingHttpHeaders) {
    this.#expected = expectedBy(headers)
    // Which algorithm a trailer names is not known before it comes.
    const isInTrailer = ANNOUNCED.test(headers.trailer ?? '')
    const algorithms = isInTrailer ? Object.keys(ALGORITHMS) : new Set(this.#expected.map(({ algorithm }) => algorithm))
    this.#hashes = new Map([...algorithms].map((name) => [name, createHash(ALGORITHMS[name]?.hash ?? name)]))
  }

  /** Takes the next bytes of the body. */
  update(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk)
  }

  /**
   * To be called once. @throws DIGEST_MISMATCH unless the body has all digests that were sent; INVALID_REQUEST when a
   * trailer is malformed or was not announced.
   */
  check(trailers: IncomingHttpHeaders = {}): void {
    const actual = new Map([...this.#hashes].map(([name, hash]) => [name, hash.digest()]))
    for (const { header, algorithm, digest } of [...this.#expected, ...expectedBy(trailers)]) {
      if (!actual.has(algorithm))
        throw invalid(header, 'it came as a trailer that the header Trailer does not announce')
      if (actual.get(algorithm)?.equals(digest)) continue
      const found = actual.get(algorithm)?.toString('base64')
      throw new ShareError(
        'DIGEST_MISMATCH',
        `the body does not have the ${algorithm} digest that ${header} gives: expected ${digest.toString('base64')}, got ${found}`,
        { hint: 'The body was changed or cut on its way; nothing of it was stored. Send it again.', retryable: true },
      )
    }
  }
}

function expectedBy(headers: IncomingHttpHeaders): Expected[] {
  return [
    ...dictionary('Content-Digest', headers['content-digest']),
    ...dictionary('Repr-Digest', headers['repr-digest']),
    ...list('Digest', headers['digest']),
    ...md5('Content-MD5', headers['content-md5']),
  ]
}

type Header = string | string[] | undefined

/** A dictionary of byte sequences (RFC 8941): `sha-256=:BASE64:, sha-512=:BASE64:`. */
function dictionary(header: string, given: Header): Expected[] {
  return members(given).flatMap((member) => {
    const [, algorithm = '', encoded] = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;.*)?$/.exec(member) ?? []
    if (encoded === undefined) throw malformed(header, member, 'sha-256=:BASE64:')
    return expect(header, algorithm, encoded)
  })
}

function list(header: string, given: Header): Expected[] {
  return members(given).flatMap((member) => {
    const [, algorithm = '', encoded] = /^([\w-]+)=(\S+)$/.exec(member) ?? []
    if (encoded === undefined) throw malformed(header, member, 'SHA-256=BASE64')
    return expect(header, algorithm.toLowerCase(), encoded)
  })
}

function md5(header: string, given: Header): Expected[] {
  return given === undefined ? [] : expect(header, 'md5', String(given).trim())
}

function members(given: Header): string[] {
  if (given === undefined) return []
  return String(given)
    .split(',')
    .map((member) => member.trim())
}

function expect(header: string, algorithm: string, encoded: string): Expected[] {
  const known = ALGORITHMS[algorithm]
  if (!known) return []
  const digest = Buffer.from(encoded, 'base64')
  if (digest.length === known.bytes) return [{ header, algorithm, digest }]
  throw invalid(header, `${JSON.stringify(encoded)} is not the base64 of ${known.bytes} bytes, as ${algorithm} has`)
}

function malformed(header: string, member: string, example: string): HoldfastError {
  return invalid(header, `${JSON.stringify(member)} does not have the form ${example}`)
}
