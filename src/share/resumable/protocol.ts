/** What the ways to speak of a resumable upload have in common: they say the same in other headers. */
import type { IncomingHttpHeaders } from 'node:http'
import type { PartCheck } from './checksums.ts'
import type { ResumableRow } from './resumable-rows.ts'

export interface PartHeaders {
  /** Where the part begins, bytes. */
  offset: number
  /** Length of the whole, or null when nothing is said of it. */
  lengthBytes: number | null
  /** What must hold of the part's bytes, or null. */
  check: PartCheck | null
  /** Whether it is the last part, or null when that shows by the length. */
  isLast: boolean | null
}

export interface Creation {
  /** Null when the client will tell it later. */
  lengthBytes: number | null
  /** Whether it is to become part of a file rather than one. */
  isPartial: boolean
  /** Ids of the partial uploads that the file is made of, in their order; null for an upload that is sent. */
  parts: string[] | null
  metadata: Map<string, string>
  /** Of the body, which is the first part; null when there is none. */
  part: PartHeaders | null
}

export interface Protocol {
  /** @throws TUS_VERSION unless the client speaks a version that is known here. */
  requireVersion(headers: IncomingHttpHeaders): void
  /** Headers of every answer. */
  sign(headers: IncomingHttpHeaders): Record<string, string>
  /**
   * The answer in between that tells the client where its upload is, but for that place; null when it would not
   * understand.
   */
  announceBy(headers: IncomingHttpHeaders): { status: number; headers: Record<string, string> } | null
  /** @throws INVALID_REQUEST, TUS_VERSION */
  readCreation(headers: IncomingHttpHeaders): Creation
  /** @throws INVALID_REQUEST, UNSUPPORTED_TYPE */
  readPart(headers: IncomingHttpHeaders): PartHeaders
  /** Headers that say where the upload stands. */
  describe(upload: ResumableRow): Record<string, string | number>
  /** Headers of HEAD besides. */
  describeWhole(upload: ResumableRow): Record<string, string | number>
}
