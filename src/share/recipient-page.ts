/**
 * The pages that people see who follow a link: plain HTML in the look of the app, so that they work without scripts, on
 * a phone and in a terminal browser.
 */
import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'

// The colours of src/web/styles/tokens.css.
const STYLE = `
:root { color-scheme: light dark; --ground: #f6f5f1; --surface: #fff; --line: #dedbd2; --line-strong: #8b8f8a; --ink: #182224;
  --soft: #59656a; --accent: #0d5c5e; --accent-ink: #fff; --bad: #a82a1d; font: 100%/1.55 system-ui, sans-serif }
@media (prefers-color-scheme: dark) { :root { --ground: #12191b; --surface: #1a2326; --line: #2e3b3f; --line-strong: #75858a;
  --ink: #e8edec; --soft: #9fadb0; --accent: #6fc9c2; --accent-ink: #0b2425; --bad: #f39a8b } }
*, *::before, *::after { box-sizing: border-box }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; padding: 1rem; color: var(--ink); background: var(--ground) }
main { width: min(26rem, 100%); padding: clamp(1.25rem, 5vw, 2rem); background: var(--surface); border: 1px solid var(--line);
  border-radius: 10px; overflow-wrap: anywhere }
svg { display: block; width: 2.25rem; height: 2.25rem; margin-bottom: 1.25rem }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; font-weight: 650; line-height: 1.25; letter-spacing: -.02em }
p { margin: 0 0 1rem; color: var(--soft) }
main > :last-child { margin-bottom: 0 }
form { display: grid; gap: .75rem }
input { margin-bottom: .5rem }
label { font-weight: 600 }
input, button, .button { width: 100%; min-height: 2.75rem; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--surface);
  border: 1px solid var(--line-strong); border-radius: 7px }
button, .button { display: block; border-color: var(--accent); background: var(--accent); color: var(--accent-ink); font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
[role=alert] { margin: 0; color: var(--bad) }
`
const LOGO = `<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0d5c5e"/><g fill="none"
 stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"><circle cx="16" cy="8" r="2.7"/><path d="M16
 10.7V26M11.4 14.6h9.2M6.500 18.200C7 23 10.600 26 16 26s9-3 9.500-7.800M4.800 20.600l1.700-2.400 2.500 1.500M27.200 20.600l-1.700-2.400-2.500 1.500"/></g></svg>`
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`

export interface RecipientPage {
  status: number
  /** Plain text. */
  title: string
  /** HTML below the heading. */
  body: string
  /** HTML for the head, such as OpenGraph tags. Default none. */
  head?: string
}

export function sendRecipientPage(
  reply: FastifyReply,
  { status, title, body, head = '' }: RecipientPage,
): FastifyReply {
  reply.headers({ 'cache-control': 'no-store', 'content-security-policy': POLICY, 'x-frame-options': 'DENY' })
  return reply.code(status).type('text/html; charset=utf-8').send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>${escapeHtml(title)}</title>${head}<style>${STYLE}</style></head>
<body><main>${LOGO}<h1>${escapeHtml(title)}</h1>
${body}
</main></body></html>
`)
}

/** A paragraph of plain text. */
export function paragraph(text: string): string {
  return `<p>${escapeHtml(text)}</p>`
}

/** For text and for attributes in double quotes. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
