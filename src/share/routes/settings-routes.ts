import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { invalid } from '../fields.ts'
import type { Settings, ShareSettings } from '../settings.ts'
import { settingsBody, settingsView } from './picoshare.ts'

const tags = ['settings']
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
