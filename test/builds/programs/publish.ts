/** Publishes one file in a process of its own, slowly: `publish.ts URL TOKEN FOLDER PATH SHA256 BYTES`. */
import { Secret } from '../../../src/base/index.ts'
import { publishArtifacts } from '../../../src/builds/publish.ts'

const [url = '', token = '', resumeFolder = '', path = '', sha256 = '', sizeBytes] = process.argv.slice(2)
const pause = new Int32Array(new SharedArrayBuffer(4))
const [published] = await publishArtifacts([{ path, sha256, sizeBytes: Number(sizeBytes) }], {
  url,
  token: new Secret(token),
  resumeFolder,
  signal: new AbortController().signal,
  onProgress: ({ sentBytes }) => {
    console.log(sentBytes)
    Atomics.wait(pause, 0, 0, 20)
  },
})
console.log(published?.url)
