/** How a browser may show a file: one table from the kind of its type to the headers of its answer. */
import { essence } from './media-type.ts'

/** Nothing but the file itself, its styles, and what players and viewers draw. Any page may frame it. */
const PASSIVE =
  "default-src 'none'; media-src 'self'; img-src 'self' data:; object-src 'self'; style-src 'unsafe-inline'"
/** An origin of its own, without scripts, forms and our cookies. */
export const SANDBOXED = 'sandbox'

const SCRIPTABLE_TEXT = /html|xml|xsl|x-component|manifest/
const SHOWN = /^((image|video|audio|font)\/[\w.-]+(\+(?!xml$)\w+)?|application\/(pdf|json|ogg)|text\/.*)$/

/**
 * The Content-Security-Policy of a file's answer. A sandbox makes the origin opaque, which Chromium's and WebKit's
 * players do not bear, so only what can hold script gets one: html, svg, xml and everything unknown.
 */
export function policyFor(type: string): string {
  const kind = essence(type)
  return SHOWN.test(kind) && !SCRIPTABLE_TEXT.test(kind) ? PASSIVE : SANDBOXED
}
