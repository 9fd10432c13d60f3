/** Replaces secrets: in what Packer prints by a script for sed, in Holdfast's own messages here. */
import { HoldfastError } from '../base/index.ts'
import { formsOf } from './secret-forms.ts'
import { BuildError, type BuildErrorCode } from './errors.ts'

const MARK = '<sensitive>'
/** The digit before and the one after have some bits of the secret. */
const BASE64_DIGIT = '[A-Za-z0-9+/_-]?'

/** Time, target and type of a machine-readable line; for texts to people, their kind too. */
const HEAD = '[0-9]*,[^,]*,(ui,[a-z-]*,|[^,]*,)'

/**
 * A script for `sed -E` that hides these secrets in Packer's machine-readable lines for people, and in lines of any
 * other form. It leaves what Holdfast reads: the heads of lines, artifacts' paths and ids, counts, markers, the line at
 * the end. Packer's plugins may print whatever they like, so a line is left only where the whole of it has the expected
 * form.
 */
export function hidingScript(secrets: readonly string[]): string {
  const pattern = patternOf(secrets, escaped)
  if (pattern === null) return ''
  return [
    '/^[0-9]*,[^,]*,(artifact-count|error-count),[0-9]*$/b',
    '/^[0-9]*,[^,]*,artifact,[0-9]+,(builder-id|id|file|files-count|end)(,|$)/b',
    '/^[0-9]*,[^,]*,ui,[a-z-]*,(==>|   ) [^ ]*: holdfast: step [0-9]+ (start|end)$/b',
    String.raw`/^[0-9]*,,ui,say,(\\n)?==> Builds finished[A-Za-z. ]*:?$/b`,
    // The whole line is put aside, its end is worked on, and then its head is put before it again.
    'h',
    `s/^${HEAD}//`,
    `s/${pattern.replaceAll('/', String.raw`\/`)}/${MARK}/g`,
    'x',
    `/^${HEAD}/!s/.*//`,
    String.raw`s/^(${HEAD}).*/\1/`,
    'G',
    String.raw`s/\n//`,
    '',
  ].join('\n')
}

/** A function that hides these secrets in a text. */
function hiderOf(secrets: readonly string[]): (text: string) => string {
  const pattern = patternOf(secrets, (text) => text)
  if (pattern === null) return (text) => text
  const expression = new RegExp(pattern, 'g')
  return (text) => text.replace(expression, MARK)
}

/** Whether a text contains any of these secrets, in any form. */
export function contains(text: string, secrets: readonly string[]): boolean {
  return hiderOf(secrets)(text) !== text
}

/** The error without secrets in what it tells a person. */
export function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof HoldfastError) || secrets.length === 0) return error
  const hide = hiderOf(secrets)
  const { code, message, hint, retryable, details } = error
  if (hide(message) === message && hide(hint ?? '') === (hint ?? '')) return error
  return new BuildError(code as BuildErrorCode, hide(message), {
    retryable,
    details,
    ...(hint !== undefined && { hint: hide(hint) }),
  })
}

/** The longest alternative wins: in POSIX by rule, in JavaScript by their order. */
function patternOf(secrets: readonly string[], write: (text: string) => string): string | null {
  const { literals, base64 } = formsOf(secrets)
  const written = [...new Set(literals.flatMap((text) => [text, write(text)]))].filter((text) => !/[\n\r]/.test(text))
  const multiline = write('\n') === '\n' ? literals.filter((text) => /[\n\r]/.test(text)) : []
  const all = [...written, ...multiline].toSorted((a, b) => b.length - a.length).map(literal)
  if (base64.length > 0) all.unshift(`${BASE64_DIGIT}(${base64.map(literal).join('|')})${BASE64_DIGIT}=*`)
  return all.length === 0 ? null : `(${all.join('|')})`
}

/** As Packer writes it into a field. */
function escaped(text: string): string {
  return text
    .replaceAll(',', '%!(PACKER_COMMA)')
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
}

/** Means itself in extended regular expressions and in JavaScript's. */
function literal(text: string): string {
  return text.replaceAll(/[\\.*+?()[\]{}|^$]/g, String.raw`\$&`)
}
