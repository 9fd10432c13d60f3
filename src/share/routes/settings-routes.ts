import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { closedObject } from '../../base/index.ts'
import { invalid } from '../fields.ts'
import type { Settings, ShareSettings } from '../settings.ts'

const tags = ['settings']
const days = z.int().min(1).max(3650)
const settingsView = z.object({ defaultExpirationDays: days, defaultNeverExpire: z.boolean() }).meta({ id: 'Settings' })
/** PicoShare's page sends either. */
const settingsBody = closedObject({
  defaultExpirationDays: days.optional().describe('Alone: files expire after so many days'),
  defaultNeverExpire: z.boolean().optional().describe('Alone: the days stay as they are'),
})

export function settingsRoutes(instance: FastifyInstance, settings: Settings): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get('/api/settings', { schema: { summary: 'The settings', tags, response: { 200: settingsView } } }, async () =>
    settings.load(),
  )

  app.put(
    '/api/settings',
    { schema: { summary: 'Change the settings', tags, body: settingsBody } },
    async (request, reply) => {
      await settings.save(completed(request.body, await settings.load()))
      return reply.send()
    },
  )
}

/** @throws INVALID_REQUEST when neither setting is given. */
function completed(given: z.infer<typeof settingsBody>, now: ShareSettings): ShareSettings {
  const { defaultExpirationDays, defaultNeverExpire } = given
  if (defaultExpirationDays === undefined && defaultNeverExpire === undefined) {
    throw invalid('settings', 'give defaultExpirationDays (1-3650), defaultNeverExpire, or both')
  }
  return {
    defaultExpirationDays: defaultExpirationDays ?? now.defaultExpirationDays,
    defaultNeverExpire: defaultNeverExpire ?? false,
  }
}
