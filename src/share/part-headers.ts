/** The headers of a part of a form (RFC 7578 section 4). */
import type { IncomingHttpHeaders } from 'node:http'
import { invalid } from './fields.ts'

export interface PartHeaders {
  name: string
  /** The last segment of the path that the client gives; null for a field that is not a file. */
  filename: string | null
  /** As the client gives it, parameters included; null when it gives none. */
  contentType: string | null
  /** All of them, by names in lower case. */
  all: IncomingHttpHeaders
}

const PARAMETER = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:\\["\\]|[^"])*)"|([^\s";]*))/gy
const IDENTITY_ENCODINGS = ['7bit', '8bit', 'binary']

/** @param bytes the lines, each after a line break. @throws INVALID_REQUEST unless they describe a part of a form. */
export function parsePartHeaders(bytes: Buffer): PartHeaders {
  const headers = splitLines(decode(bytes))
  const encoding = headers.get('content-transfer-encoding') ?? 'binary'
  if (!IDENTITY_ENCODINGS.includes(encoding.toLowerCase())) {
    throw invalid(
      'form',
      `a part has Content-Transfer-Encoding ${JSON.stringify(encoding)}; send its bytes as they are`,
    )
  }
  const parameters = parseDisposition(headers.get('content-disposition') ?? '')
  const name = parameters.get('name')
  if (name === undefined) throw invalid('form', 'a part has no name')
  const filename = extendedValue(parameters.get('filename*')) ?? parameters.get('filename') ?? null
  return {
    name,
    filename: filename && lastSegment(filename),
    contentType: headers.get('content-type') ?? null,
    all: Object.fromEntries(headers),
  }
}

/** Browsers and most programs send UTF-8; other bytes are read as Latin-1. */
function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? bytes.toString('latin1') : text
}

function splitLines(text: string): Map<string, string> {
  const headers = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    if (line === '') continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase()
    if (name === '') throw invalid('form', `a part has the header line ${JSON.stringify(line.slice(0, 60))}`)
    if (headers.has(name)) throw invalid('form', `a part has the header ${name} twice`)
    headers.set(name, line.slice(colon + 1).trim())
  }
  return headers
}

function parseDisposition(value: string): Map<string, string> {
  const [type = ''] = value.split(';', 1)
  const parameters = new Map<string, string>()
  if (type.trim().toLowerCase() !== 'form-data') {
    throw invalid('form', `a part has Content-Disposition ${JSON.stringify(value.slice(0, 60))}, expected form-data`)
  }
  const rest = value.slice(type.length).trimEnd()
  let end = 0
  for (const match of rest.matchAll(PARAMETER)) {
    const [whole, key = '', quoted, token = ''] = match
    const name = key.toLowerCase()
    if (parameters.has(name)) throw invalid('form', `a part has the parameter ${name} twice`)
    parameters.set(name, quoted?.replaceAll(/\\(["\\])/g, '$1') ?? token)
    end = match.index + whole.length
  }
  if (/[^\s;]/.test(rest.slice(end))) {
    throw invalid('form', `a part has a malformed Content-Disposition: ${JSON.stringify(value.slice(0, 200))}`)
  }
  return parameters
}

/** A value such as `UTF-8''na%C3%AFve.txt` (RFC 8187); it wins over the plain one (RFC 6266 section 4.3). */
function extendedValue(given: string | undefined): string | null {
  if (given === undefined) return null
  const [, charset = '', encoded = ''] = /^([\w-]*)'[\w-]*'(.*)$/s.exec(given) ?? []
  try {
    if (charset.toLowerCase() === 'utf-8') return decodeURIComponent(encoded)
    if (charset.toLowerCase() === 'iso-8859-1') return unescape(encoded)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
  }
  throw invalid('filename*', `${JSON.stringify(given.slice(0, 200))} is not a value such as UTF-8''na%C3%AFve.txt`)
}

export function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A filename without what clients escape in a header: browsers as the HTML standard says, others as RFC 822 says. */
export function withoutEscapes(filename: string): string {
  return filename
    .replaceAll('%22', '"')
    .replaceAll(/%0D/gi, '\r')
    .replaceAll(/%0A/gi, '\n')
    .replaceAll(/\\(["\\])/g, '$1')
}
