/** What a room's routes and the server agree on. The server enforces it; see server/auth. */
/** Who may call a route: anyone, or only the owner by session cookie or API token. */
export type Access = 'public' | 'owner'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Default `owner`: a route that says nothing is closed. */
    access?: Access
  }
  interface FastifyRequest {
    /** Whether the request carries a valid session or API token. */
    isOwner: boolean
  }
}
