/** The page that asks for a file's passphrase. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { HoldfastError } from '../../base/index.ts'
import type { Files } from '../files.ts'
import { escapeHtml, sendRecipientPage } from '../recipient-page.ts'
import type { Unlocking } from '../unlocking.ts'
import { requireFile } from './params.ts'

export function unlockRoutes(app: FastifyInstance, files: Files, unlocking: Unlocking): void {
  const options = { config: { access: 'public' as const }, schema: { hide: true } }
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })

  app.get<{ Params: { id: string } }>('/-:id/unlock', options, async (request, reply) => {
    const file = await requireFile(files, request.params.id)
    if (file.passphrase_hash === null) return reply.redirect(`${request.basePath}/-${file.id}`, 302)
    return sendForm(reply, 200, null)
  })

  app.post<{ Params: { id: string }; Body: { passphrase?: unknown } | null | undefined }>(
    '/-:id/unlock',
    options,
    async (request, reply) => {
      const file = await requireFile(files, request.params.id)
      const target = `${request.basePath}/-${file.id}`
      if (file.passphrase_hash === null) return reply.redirect(target, 303)
      try {
        const given = request.body?.passphrase
        await unlocking.unlock(file, typeof given === 'string' ? given : '', request, reply)
      } catch (error) {
        return refuse(reply, error)
      }
      return reply.redirect(target, 303)
    },
  )
}

/** A person may try again, so the form stays. */
function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof HoldfastError)) throw error
  if (error.code === 'WRONG_SECRET') return sendForm(reply, 401, `This did not work: ${error.message}.`)
  if (error.code !== 'TOO_MANY_ATTEMPTS') throw error
  const seconds = Number(error.details['retryAfterSeconds'])
  reply.header('retry-after', seconds)
  return sendForm(reply, 429, `Too many wrong attempts. Try again in ${seconds} s.`)
}

function sendForm(reply: FastifyReply, status: number, problem: string | null): FastifyReply {
  const alert = problem === null ? '' : `<p role="alert" id="problem">${escapeHtml(problem)}</p>`
  const described = problem === null ? '' : ' aria-describedby="problem" aria-invalid="true"'
  const body = `<p>The person who gave you the link can tell you the passphrase.</p>
<form method="post"><label for="passphrase">Passphrase</label>
<input id="passphrase" name="passphrase" type="password" required autofocus autocomplete="off"${described}>${alert}
<button>Open the file</button></form>`
  return sendRecipientPage(reply, { status, title: 'This file has a passphrase', body })
}
