/** The script of a page that uploads with Uppy; uppy.test.ts bundles it. */
import { Uppy } from '@uppy/core'
import Tus from '@uppy/tus'
import XHRUpload from '@uppy/xhr-upload'

/** What the page uploads; uppy.test.ts expects the same. */
const content = new Uint8Array(5_000_003).map((_, index) => (index * 31 + (index >> 8)) % 256)

/** Uploads one file. `answer`: the header `Holdfast-File-Id`, or the body of the form's answer. */
globalThis.uploadBy = async (plugin, options, { pauseOnceAt, name = 'Größe übel.bin' } = {}) => {
  const uppy = new Uppy()
  let answer = null
  let isPaused = false
  if (plugin === 'tus') {
    const onAfterResponse = (_, response) => {
      answer = response.getHeader('holdfast-file-id') ?? answer
    }
    uppy.use(Tus, { ...options, onAfterResponse })
  } else
    uppy.use(XHRUpload, {
      ...options,
      onAfterResponse: (request) => {
        answer = request.responseText
      },
    })
  uppy.on('upload-progress', (file, { bytesUploaded }) => {
    if (!pauseOnceAt || isPaused || bytesUploaded < pauseOnceAt) return
    isPaused = true
    uppy.pauseAll()
    setTimeout(() => uppy.resumeAll(), 50)
  })
  uppy.addFile({ name, type: 'application/x-holdfast', data: new Blob([content]) })
  const { failed } = await uppy.upload()
  if (failed.length > 0) throw new Error(failed[0].error)
  return { answer, isPaused }
}
