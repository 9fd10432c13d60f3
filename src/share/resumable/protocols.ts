/** Which protocol a request speaks: tus 1.0, unless it has headers that only the IETF draft has. */
import type { IncomingHttpHeaders } from 'node:http'
import { DRAFT_CONTENT_TYPE, draftProtocol } from './draft-protocol.ts'
import type { Protocol } from './protocol.ts'
import { isPartType } from './tus-headers.ts'
import { tusProtocol } from './tus-protocol.ts'

const DRAFT_HEADERS = ['upload-draft-interop-version', 'upload-complete', 'upload-incomplete']

export function protocolOf(headers: IncomingHttpHeaders): Protocol {
  if (headers['tus-resumable'] !== undefined) return tusProtocol
  const isDraft = DRAFT_HEADERS.some((name) => headers[name] !== undefined)
  return isDraft || isPartType(headers['content-type'], DRAFT_CONTENT_TYPE) ? draftProtocol : tusProtocol
}
