/** A layer's facts: the JSON file beside its image. */
import { z } from 'zod'

/** `<key>-<id>`, and so no path. */
const NAME = /^[\w.]+-[A-Za-z0-9]+$/

const layerSchema = z.object({
  /**
   * `<key>-<random id>`: this very image and no other that was made of the same. Its files are `<name>.qcow2` and
   * `.json`.
   */
  name: z.string().regex(NAME),
  /**
   * The hash of the fingerprint's steps up to the layer. Empty: another build has started over, and nothing finds it.
   */
  key: z.string(),
  /** The backing layer, which has all bytes that this image lacks; null: the image has all bytes. */
  parent: z.string().regex(NAME).nullable(),
  /** The provisioner that it was taken after. */
  step: z.string(),
  /** ISO 8601. */
  created: z.iso.datetime(),
  /** Of the image file alone. */
  sizeBytes: z.number().int().min(0),
  /** Of the image file alone, lower-case hex. */
  sha256: z.string(),
})

/** A disk as it was after a provisioner. */
export type Layer = Readonly<z.infer<typeof layerSchema>>

/** @returns null when the text is not the whole of what {@link formatLayer} wrote. */
export function parseLayer(text: string): Layer | null {
  try {
    return layerSchema.parse(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null
    throw error
  }
}

/** As it stands in its file. */
export function formatLayer(layer: Layer): string {
  return `${JSON.stringify(layer, null, 2)}\n`
}
