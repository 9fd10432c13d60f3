import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Settings } from '../settings.ts'

const tags = ['settings']
const settingsBody = z
  .object({ defaultExpirationDays: z.int().min(1).max(3650), defaultNeverExpire: z.boolean() })
  .meta({ id: 'Settings' })

export function settingsRoutes(instance: FastifyInstance, settings: Settings): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()

  app.get('/api/settings', { schema: { summary: 'The settings', tags, response: { 200: settingsBody } } }, async () =>
    settings.load(),
  )

  app.put(
    '/api/settings',
    { schema: { summary: 'Change the settings', tags, body: settingsBody } },
    async (request, reply) => {
      await settings.save(request.body)
      return reply.send()
    },
  )
}
