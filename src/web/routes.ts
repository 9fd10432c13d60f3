/** Which page a path shows. The paths are PicoShare's, so that old bookmarks work. */
const ROUTES = {
  '/': { page: 'home', isPublic: true },
  '/login': { page: 'login', isPublic: true },
  '/g/:id': { page: 'guest-upload', isPublic: true },
  '/files': { page: 'files', isPublic: false },
  '/files/:id/info': { page: 'file-info', isPublic: false },
  '/files/:id/edit': { page: 'file-edit', isPublic: false },
  '/files/:id/downloads': { page: 'file-downloads', isPublic: false },
  '/files/:id/confirm-delete': { page: 'file-delete', isPublic: false },
  '/trash': { page: 'trash', isPublic: false },
  '/guest-links': { page: 'guest-links', isPublic: false },
  '/guest-links/new': { page: 'guest-link-new', isPublic: false },
  '/builds': { page: 'builds', isPublic: false },
  '/builds/:state/:id': { page: 'build', isPublic: false },
  '/settings': { page: 'settings', isPublic: false },
  '/information': { page: 'information', isPublic: false },
} as const

export type PageName = (typeof ROUTES)[keyof typeof ROUTES]['page']

export interface Match {
  page: PageName
  isPublic: boolean
  /** The `:id` of the path, or an empty string. */
  id: string
  /** The `:state` of the path, or an empty string. */
  state: string
}

const patterns = Object.entries(ROUTES).map(([path, route]) => ({
  route,
  pattern: new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`),
}))

/** `null` for a path that no page has. A slash at the end makes no difference. */
export function matchRoute(path: string): Match | null {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path
  for (const { route, pattern } of patterns) {
    const found = pattern.exec(trimmed)
    if (found) return { ...route, id: decode(found.groups?.id ?? ''), state: decode(found.groups?.state ?? '') }
  }
  return null
}

/** Where to go after logging in: a path of this site, never another host's address. */
export function safeNext(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : '/'
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone % is part of a mistyped address: the server will say that it knows no such id.
    return text
  }
}
