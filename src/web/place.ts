/** Where the app stands, as the server has written it into the page. */
const { basePath: given = '', publicUrl = '' } = document.querySelector<HTMLElement>('#app')?.dataset ?? {}

/** The path under which the client sees the app, `/share`; empty where that is the root. */
export const basePath = given

/** What links to hand over begin with. A proxy may hide the server's address from itself, but not this page's. */
const publicBase = publicUrl === '' ? `${location.origin}${basePath}` : publicUrl

export const fileUrl = (id: string) => `${publicBase}/-${id}`
/** For programs that want a name at the end. */
export const namedFileUrl = (id: string, name: string) => `${fileUrl(id)}/${encodeURIComponent(name)}`
export const guestLinkUrl = (id: string) => `${publicBase}/g/${id}`
