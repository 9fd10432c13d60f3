/**
 * Forms as parsers meet them: any bytes, any cuts between chunks, boundaries inside the file, unwanted parts.
 */
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { bytes } from '../support/bytes.ts'
import { BOUNDARY, encodeForm, formHeaders, NEVER, RawConnection, requestHead, type Part } from '../support/forms.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

/** Sends a form in pieces that are cut at `cuts` (0 to 1, of its length), each in a packet of its own. */
async function uploadInPieces(form: Buffer, cuts: number[], boundary = BOUNDARY): Promise<RawConnection> {
  const type = `Content-Type: multipart/form-data; boundary="${boundary}"`
  const lines = [type, `Content-Length: ${form.length}`, 'Accept: application/json', 'Connection: close']
  const connection = new RawConnection(server, requestHead(server, `POST /api/entry?${NEVER}`, lines))
  connection.socket.setNoDelay(true)
  const ends = [...cuts.map((cut) => Math.floor(cut * form.length)).toSorted((a, b) => a - b), form.length]
  let start = 0
  for (const end of ends) {
    connection.socket.write(form.subarray(start, end))
    start = end
    await sleep(1)
  }
  await connection.closed
  return connection
}

async function stored(connection: RawConnection): Promise<Buffer> {
  assert.deepEqual(connection.statuses, [200], connection.received)
  const id = /"id":"(\w+)"/.exec(connection.received)?.[1]
  return (await server.guest(`/-${id}`)).bytes
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })
const file = (content: Uint8Array): Part => ({ name: 'file', filename: 'a.bin', content })

describe('a form', () => {
  it('gives any bytes back, however it is cut', async () => {
    const content = fc.uint8Array({ minLength: 1, maxLength: 3000 })
    const property = fc.asyncProperty(content, cuts, async (given, at) => {
      assert.deepEqual(await stored(await uploadInPieces(encodeForm([file(given)]), at)), Buffer.from(given))
    })
    await fc.assert(property, { numRuns: 40 })
  })

  it('gives back bytes that look like its boundary', async () => {
    const piece = fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      '-',
      '--',
      '\r\n--',
      `\r\n--${BOUNDARY.slice(0, -1)}`,
      BOUNDARY,
      `--${BOUNDARY}`,
      `\n--${BOUNDARY}`,
      '\0',
      'x',
    )
    const content = fc
      .array(piece, { minLength: 1, maxLength: 60 })
      .map((pieces) => pieces.join(''))
      .filter((text) => !`\r\n${text}`.includes(`\r\n--${BOUNDARY}`))
    const property = fc.asyncProperty(content, cuts, async (given, at) => {
      assert.equal((await stored(await uploadInPieces(encodeForm([file(Buffer.from(given))]), at))).toString(), given)
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('is read whole, or refused for a part that would be dropped', async () => {
    const other = fc.record({
      name: fc.constantFrom('a', 'files', 'note'),
      content: fc.uint8Array({ maxLength: 400 }),
      kind: fc.constantFrom('field', 'file', 'nameless'),
    })
    const others = fc.array(other, { maxLength: 5 })
    const toPart = ({ name, content, kind }: { name: string; content: Uint8Array; kind: string }): Part => ({
      name: kind === 'nameless' ? 'x"; filename="a\nb' : name,
      content,
      ...(kind === 'file' && { filename: 'other' }),
    })
    const isField = (part: Part) => part.name === 'note' && part.filename === undefined
    const property = fc.asyncProperty(others, others, cuts, async (before_, after_, at) => {
      const content = bytes(70_000)
      const rest = [...before_, ...after_].map(toPart)
      const connection = await uploadInPieces(
        encodeForm([...before_.map(toPart), file(content), ...after_.map(toPart)]),
        at,
      )
      const note = Buffer.from((rest[0]?.content ?? '') as Uint8Array)
      // A note with a forbidden word or tag of PicoShare would be refused too; random bytes are neither.
      const isWhole = rest.length === 0 || (rest.length === 1 && rest.every(isField) && isUtf8(note))
      if (isWhole) assert.deepEqual(await stored(connection), content)
      else assert.deepEqual(connection.statuses, [400], connection.received)
    })
    await fc.assert(property, { numRuns: 30 })
  })

  it('may repeat the name and the type of its file, but not give others', async () => {
    const send = async (field: string, value: string) => {
      const body = new FormData()
      body.set(field, value)
      body.set('file', new Blob(['x'], { type: 'text/x-one' }), 'one.txt')
      return await server.owner('/api/entry?expiration=2999-12-31T00:00:00Z', { method: 'POST', body })
    }
    for (const [field, same, other] of [
      ['name', 'one.txt', 'two.txt'],
      ['type', 'Text/X-One', 'text/x-two'],
    ] as const) {
      assert.equal((await send(field, same)).status, 200, field)
      const refused = await send(field, other)
      assert.equal(refused.status, 400, field)
      assert.match(refused.text, new RegExp(`invalid ${field}: it is "${other}", but the file's part says`))
    }
  })

  it('may have a preamble, an epilogue and the longest boundary', async () => {
    const boundary = "'()+_,-./:=?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345".slice(0, 70)
    const form = encodeForm([file(bytes(5000))], boundary)
    for (const framed of [
      form,
      Buffer.concat([Buffer.from('preamble\r\n'), form, Buffer.from('epilogue\r\n'.repeat(9000))]),
    ]) {
      assert.deepEqual(await stored(await uploadInPieces(framed, [0.3, 0.6], boundary)), bytes(5000))
    }
  })

  it('is 400 when it ends early anywhere, and harms no other client', async () => {
    const other = new RawConnection(
      server,
      requestHead(server, 'PUT /api/files/other', ['Content-Length: 4', 'Connection: close']),
    )
    const form = encodeForm([{ name: 'note', content: 'x' }, file(bytes(300))])
    for (let length = 0; length < form.length - 4; length += 7) {
      const connection = await uploadInPieces(form.subarray(0, length), length % 2 ? [] : [0.5])
      assert.deepEqual(connection.statuses, [400], `${length}: ${connection.received}`)
    }
    other.socket.write('text')
    await other.closed
    assert.deepEqual(other.statuses, [201])
  })

  it('harms no other client when its client goes away anywhere', async () => {
    const form = encodeForm([{ name: 'note', content: 'x' }, file(bytes(300))])
    const type = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`
    const total = (await server.list()).total
    for (let length = 0; length < form.length; length += 41) {
      const head = requestHead(server, `POST /api/entry?${NEVER}`, [type, `Content-Length: ${form.length}`])
      const connection = new RawConnection(server, head)
      connection.socket.write(form.subarray(0, length))
      await sleep(2)
      connection.socket.destroy()
    }
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 0)
    assert.equal((await server.list()).total, total)
  })

  it('is answered with headers that no parser should trust', async () => {
    const heads = [
      'Content-Disposition: form-data',
      'Content-Disposition: attachment; name="file"; filename="a"',
      `Content-Disposition: form-data; name="file"; filename="${'a'.repeat(100_000)}"`,
      'Content-Disposition: form-data; name="file"; filename="a',
      'X: y',
      '',
      `${'X: y\r\n'.repeat(5000)}Content-Disposition: form-data; name="file"; filename="a"`,
    ]
    for (const head of heads) {
      const body = Buffer.from(`--${BOUNDARY}\r\n${head}\r\n\r\ntext\r\n--${BOUNDARY}--\r\n`)
      const answer = await server.owner(`/api/entry?${NEVER}`, { method: 'POST', body, headers: formHeaders() })
      assert.ok([200, 400].includes(answer.status), `${head.slice(0, 60)}: ${answer.status} ${answer.text}`)
    }
  })
})
