export const HTTP = {
  ok: 200,
  created: 201,
  noContent: 204,
  unauthorized: 401,
  notFound: 404,
  gone: 410,
  tooLarge: 413,
  noSpace: 507,
} as const

/** null: the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
