/**
 * The app's one HTML page as a client gets it: with the addresses that it needs, and with what its reader sees without
 * a script.
 */
export interface Reader {
  /** The path under which the client sees the app; empty where that is the root. */
  basePath: string
  /** What links to hand over begin with; null: the address that the browser shows. */
  publicUrl: string | null
  /** The guest link under which the page was opened, or null. */
  guestLinkId: string | null
}

const OWNERS_PART = /<!-- owner -->[^]*?<!-- \/owner -->/
const GUESTS_PART = /<!-- guest -->[^]*?<!-- \/guest -->/

export function renderPage(html: string, { basePath, publicUrl, guestLinkId }: Reader): string {
  return html
    .replace(guestLinkId === null ? GUESTS_PART : OWNERS_PART, '')
    .replace('GUEST_LINK_ID', () => encodeURIComponent(guestLinkId ?? ''))
    .replace('data-base-path=""', () => `data-base-path="${escaped(basePath)}"`)
    .replace('data-public-url=""', () => `data-public-url="${escaped(publicUrl ?? '')}"`)
    .replaceAll(/ (href|src|action)="\.\//g, (_, name) => ` ${name}="${escaped(basePath)}/`)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
}
