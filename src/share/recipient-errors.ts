/** Pages for people whose link gives them no file. */
import type { FastifyReply } from 'fastify'
import type { HoldfastError } from '../base/index.ts'
import { paragraph, sendRecipientPage } from './recipient-page.ts'

const ASK_SENDER = 'If you still need it, ask the person who sent you the link.'
const GONE = {
  title: 'There is no file here',
  text: `It may have expired or been deleted, or the link is not complete. ${ASK_SENDER}`,
}
const TROUBLE = { title: 'This does not work right now', text: 'The server has a problem. Try again in a while.' }

const WORDS: Partial<Record<HoldfastError['code'], { title: string; text: string }>> = {
  NOT_FOUND: GONE,
  INVALID_ID: GONE,
  DOWNLOADS_USED_UP: {
    title: 'This link has been used up',
    text: `The file could be downloaded a limited number of times, and that number is reached. ${ASK_SENDER}`,
  },
  TOO_MANY_ATTEMPTS: {
    title: 'Too many wrong attempts',
    text: 'Wait a moment, go back to the page, and try again.',
  },
  BLOB_DAMAGED: { title: 'This file is damaged', text: `The server cannot read it any more. ${ASK_SENDER}` },
  DRAINING: { title: 'The server is restarting', text: 'Try again in a few seconds.' },
}

/** Answers a person who followed a link with a page instead of the line that programs get. */
export function sendRecipientError(reply: FastifyReply, error: HoldfastError, status: number): FastifyReply {
  const { title, text } =
    WORDS[error.code] ?? (status >= 500 ? TROUBLE : { title: 'This does not work', text: error.message })
  return sendRecipientPage(reply, { status, title, body: paragraph(text) })
}
