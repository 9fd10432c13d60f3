/** Passphrases of files, stored as scrypt hashes (RFC 7914) in the form `scrypt$N$r$p$salt$hash`, base64url. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

// 16 MiB and about 40 ms a guess. OWASP asks for more where memory allows; a small machine must bear this too, and
// wrong guesses are throttled besides.
const COST = { N: 2 ** 14, r: 8, p: 1 }
const SALT_BYTES = 16
const HASH_BYTES = 32

export async function hashPassphrase(passphrase: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(passphrase, salt, COST)
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

export async function isPassphrase(given: string, stored: string): Promise<boolean> {
  const [, N, r, p, salt, hash] = stored.split('$')
  const expected = Buffer.from(hash ?? '', 'base64url')
  const actual = await derive(given, Buffer.from(salt ?? '', 'base64url'), { N: Number(N), r: Number(r), p: Number(p) })
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** One at a time: each takes 16 MiB, and many at once would be a way to exhaust a small machine. */
let previous: Promise<unknown> = Promise.resolve()

function derive(passphrase: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  const derived = previous.then(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        scrypt(passphrase.normalize('NFC'), salt, HASH_BYTES, cost, (error, key) =>
          error ? reject(error) : resolve(key),
        )
      }),
  )
  previous = derived.catch(() => {})
  return derived
}
