/** The page that asks for a file's passphrase: plain HTML, so that it works without scripts and in a terminal browser. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { HoldfastError } from '../../base/index.ts'
import type { Files } from '../files.ts'
import type { Unlocking } from '../unlocking.ts'
import { requireFile } from './params.ts'

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { display: grid; place-items: center; min-height: 100dvh; margin: 0; padding: 1rem; box-sizing: border-box }
form { display: grid; gap: .75rem; width: min(22rem, 100%) }
h1 { font-size: 1.4rem; margin: 0 }
p { margin: 0 }
input, button { font: inherit; padding: .6rem .75rem; border-radius: .5rem; border: 1px solid GrayText }
button { border: 0; background: #1d5fd1; color: #fff; font-weight: 600; cursor: pointer }
[role=alert] { color: #c62828; color: light-dark(#b3261e, #ff8a80) }
`
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`

export function unlockRoutes(app: FastifyInstance, files: Files, unlocking: Unlocking): void {
  const options = { config: { access: 'public' as const }, schema: { hide: true } }
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })

  app.get<{ Params: { id: string } }>('/-:id/unlock', options, async (request, reply) => {
    const file = await requireFile(files, request.params.id)
    if (file.passphrase_hash === null) return reply.redirect(`/-${file.id}`, 302)
    return sendPage(reply, 200, null)
  })

  app.post<{ Params: { id: string }; Body: { passphrase?: unknown } | null | undefined }>(
    '/-:id/unlock',
    options,
    async (request, reply) => {
      const file = await requireFile(files, request.params.id)
      if (file.passphrase_hash === null) return reply.redirect(`/-${file.id}`, 303)
      try {
        const given = request.body?.passphrase
        await unlocking.unlock(file, typeof given === 'string' ? given : '', request, reply)
      } catch (error) {
        if (error instanceof HoldfastError && error.code === 'WRONG_SECRET') return sendPage(reply, 401, error.message)
        throw error
      }
      return reply.redirect(`/-${file.id}`, 303)
    },
  )
}

function sendPage(reply: FastifyReply, status: number, problem: string | null): FastifyReply {
  const alert = problem === null ? '' : `<p role="alert" id="problem">This did not work: ${problem}.</p>`
  const described = problem === null ? '' : ' aria-describedby="problem" aria-invalid="true"'
  reply.headers({ 'cache-control': 'no-store', 'content-security-policy': POLICY })
  return reply.code(status).type('text/html; charset=utf-8').send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>Passphrase needed</title><style>${STYLE}</style></head>
<body><form method="post"><h1>This file has a passphrase</h1>
<label for="passphrase">Whoever gave you the link can tell you the passphrase.</label>
<input id="passphrase" name="passphrase" type="password" required autofocus autocomplete="off"${described}>${alert}
<button>Open the file</button></form></body></html>
`)
}
