import { randomBytes, randomInt } from 'node:crypto'

/** PicoShare's alphabet: letters and digits without the look-alikes I, l, 1, O and 0. */
export const ID_ALPHABET = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

const ID_PATTERN = new RegExp(`^[${ID_ALPHABET}]*$`)

/** A random id of `length` characters from {@link ID_ALPHABET} (5.8 bits each), from the system's CSPRNG. */
export function randomId(length: number): string {
  let id = ''
  while (id.length < length) id += ID_ALPHABET[randomInt(ID_ALPHABET.length)]
  return id
}

/** Whether `text` could have come from {@link randomId} with this length. */
export function isId(text: string, length: number): boolean {
  return text.length === length && ID_PATTERN.test(text)
}

/** A random secret of `bytes` bytes from the system's CSPRNG, in base64url. */
export function randomSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}
