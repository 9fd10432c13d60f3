/** How a secret looks once Packer, a shell or a template function has written it in another notation. */

/** Shorter texts occur by chance: hiding them hides little and destroys much. Characters. */
export const MIN_SECRET_LENGTH = 4

export interface SecretForms {
  /** To be replaced wherever they stand. */
  readonly literals: readonly string[]
  /** Parts of Base64 that give a secret away, as do the digits beside them. */
  readonly base64: readonly string[]
}

/** All notations of these secrets, without doubles. */
export function formsOf(secrets: readonly string[]): SecretForms {
  const texts = distinct(secrets.flatMap(piecesOf))
  const literals = distinct(texts.flatMap((text) => [text, ...NOTATIONS.map((write) => write(text)), ...wrapped(text)]))
  return {
    literals: distinct(literals.flatMap((text) => [text, jsonBody(text), goJsonBody(text)])),
    base64: distinct(texts.flatMap((text) => [text, jsonBody(text), goJsonBody(text)].flatMap(base64Cores))),
  }
}

/** The secret, and each of its lines: Packer prints line by line and trims each. */
function piecesOf(secret: string): string[] {
  const lines = secret.split(/\r\n|\n|\r/)
  return [secret, ...lines].flatMap((text) => [text, text.trim()])
}

const NOTATIONS: readonly ((text: string) => string)[] = [
  jsonBody,
  goJsonBody,
  (text) => goJsonBody(text).replaceAll(/[^\x20-\x7e]/g, unicodeEscape),
  (text) => jsonBody(text).replaceAll(/[^\x20-\x7e]/g, unicodeEscape),
  // HCL, in quotes and in a heredoc.
  (text) => jsonBody(text).replaceAll(/[$%](?=\{)/g, '$&$&'),
  (text) => text.replaceAll(/[$%](?=\{)/g, '$&$&'),
  goQuoted,
  // Words of a shell: in single quotes, in double quotes, bare.
  (text) => text.replaceAll("'", String.raw`'\''`),
  (text) => text.replaceAll("'", `'"'"'`),
  (text) => text.replaceAll(/["$`\\]/g, String.raw`\$&`),
  (text) => text.replaceAll(/[^\w@%+=:,./-]/g, String.raw`\$&`),
  // PowerShell, and single quotes of YAML and SQL.
  (text) => text.replaceAll(/[`$"']/g, '`$&'),
  (text) => text.replaceAll("'", "''"),
  // XML and HTML, with names and as Go writes it.
  (text) => htmlEscaped(text, '&quot;', '&apos;'),
  (text) => htmlEscaped(text, '&#34;', '&#39;'),
  // URLs: a path, a query, and all but letters and digits; hexadecimal digits in both cases.
  encoded,
  (text) => encoded(text).replaceAll('%20', '+'),
  (text) => strictlyEncoded(text),
  (text) => strictlyEncoded(text).replaceAll('%20', '+'),
  (text) => strictlyEncoded(text).replaceAll(/%../g, (hex) => hex.toLowerCase()),
  (text) => strictlyEncoded(text).replaceAll(/%../g, (hex) => (hex === '%20' ? '+' : hex.toLowerCase())),
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('hex').toUpperCase(),
]

function jsonBody(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** As Go's encoding/json and so `jsonencode` write it. */
function goJsonBody(text: string): string {
  return jsonBody(text).replaceAll(/[<>&\u2028\u2029]/g, unicodeEscape)
}

function unicodeEscape(unit: string): string {
  return String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Go's `%q`. */
function goQuoted(text: string): string {
  return jsonBody(text)
    .replaceAll(String.raw`\u0007`, String.raw`\a`)
    .replaceAll(String.raw`\u000b`, String.raw`\v`)
    .replaceAll(/\\u00([01][0-9a-f])/g, String.raw`\x$1`)
}

function htmlEscaped(text: string, quote: string, apostrophe: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', quote)
    .replaceAll("'", apostrophe)
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function strictlyEncoded(text: string): string {
  return encoded(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The lines of Base64 that `base64` and PEM print of a long secret: one by one they hold no whole secret. */
function wrapped(text: string): string[] {
  const whole = [text, `${text}\n`].map((one) => Buffer.from(one).toString('base64'))
  return whole.flatMap((one) => [76, 64].flatMap((width) => (one.length > width ? cut(one, width) : [])))
}

function cut(text: string, width: number): string[] {
  const lines = Array.from({ length: Math.ceil(text.length / width) }, (_, line) =>
    text.slice(line * width, (line + 1) * width),
  )
  return lines.filter((line) => line.length >= 2 * MIN_SECRET_LENGTH)
}

/**
 * The digits that the Base64 of any bytes that hold the text has in common: at each of the three offsets, in both
 * alphabets.
 */
function base64Cores(text: string): string[] {
  const encodings = [Buffer.from(text), Buffer.from(text, 'utf16le')]
  const cores = encodings.flatMap((bytes) =>
    [0, 1, 2].map((offset) => {
      const all = Buffer.concat([Buffer.alloc(offset), bytes])
      return all.toString('base64').slice(Math.ceil((offset * 8) / 6), Math.floor((all.length * 8) / 6))
    }),
  )
  return cores.flatMap((core) => [core, core.replaceAll('+', '-').replaceAll('/', '_')])
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => text.length >= MIN_SECRET_LENGTH)
}
