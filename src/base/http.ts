/// <reference types="fastify" />
/** What a room's routes and the server agree on. The server enforces it; see server/auth. */
import type { IncomingMessage } from 'node:http'

/** Whether a page is the answer: a browser that navigates asks for HTML by name, programs do not. */
export function prefersHtml({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return /(^|,)\s*text\/html\s*(;|,|$)/i.test(headers.accept ?? '')
}

/** Who may call a route: anyone, or only the owner by session cookie or API token. */
export type Access = 'public' | 'owner'

/** Whether the client asks for JSON; others get a line of text. */
export function prefersJson({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.accept?.includes('application/json') ?? false
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Default `owner`: a route that says nothing is closed. */
    access?: Access
    /** What an API token needs for it. Default `read` for GET and HEAD, else `manage`. */
    scope?: 'upload' | 'read' | 'manage'
    /** Begins or ends a session: only pages of our own may ask for it, though anybody may log in. Default false. */
    changesSession?: boolean
    /** The handler reads the body itself and calls `acceptBody` before it does. Default false: the body is parsed. */
    streamsBody?: boolean
    /** Answers during shutdown too. Default false. */
    whileDraining?: boolean
  }
  interface FastifyRequest {
    /** Whether the request carries a valid session, or an API token that may read. */
    isOwner: boolean
    /** The session of the request, or null. */
    sessionId: string | null
    /** Scheme, host and base path as the client sees them, without a slash at the end: `https://example.org/share`. */
    baseUrl: string
    /**
     * The path under which the client sees the app, `/share`; empty where that is the root. Cookies and redirects need
     * it.
     */
    basePath: string
    /** Tells a client that sent `Expect: 100-continue` to go on. Does nothing for others. */
    acceptBody(): void
  }
}
