/**
 * What `holdfast build` keeps in a build's metadata, as far as it is shown, field by field: an unusable field is
 * null.
 */
import { z } from 'zod'
import type { Build } from '../../state/index.ts'
import { invocationSchema } from '../invocation.ts'

const text = z.string().nullable().catch(null)
const count = z.int().min(0)

const metadata = z.object({
  template: text,
  packer: text,
  note: text,
  invocation: invocationSchema.nullable().catch(null),
  run: z
    .object({
      id: z.string(),
      /** Not to be trusted: see log-file.ts. */
      log: text,
      pid: z.int().min(1).nullable().catch(null),
      pidStartedAt: text,
      startedAt: text,
      from: count.catch(0),
      attempt: count.catch(1),
    })
    .nullable()
    .catch(null),
})

/** `metadataOf` of record.ts is for callers that go on with a build and need all of it; a page shows what there is. */
export function knownMetadata(build: Build): z.infer<typeof metadata> {
  return metadata.parse(build.metadata)
}
