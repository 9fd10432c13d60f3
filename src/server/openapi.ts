/** What the OpenAPI document says of every route, beside what the route's own schema says. */
import type { RouteOptions } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { SERVED_ERRORS } from './error-codes.ts'

/** Errors are one line of text, as PicoShare's clients expect, or JSON for clients that accept it. */
const ERROR_CONTENT = {
  'application/json': {
    schema: {
      type: 'object',
      properties: {
        error: {
          type: 'object',
          properties: {
            code: { type: 'string', enum: Object.keys(SERVED_ERRORS) },
            message: { type: 'string' },
            hint: { type: 'string', description: 'What to do about it.' },
          },
          required: ['code', 'message'],
        },
      },
      required: ['error'],
    },
  },
  'text/plain': { schema: { type: 'string' } },
}

const ERRORS = {
  '4xx': { description: 'The request cannot be served as it is.', content: ERROR_CONTENT },
  '5xx': { description: 'The server, or its disk, cannot serve it now.', content: ERROR_CONTENT },
}

/** Adds the answers to errors, and that public routes need no token. */
export const describeRoute: typeof jsonSchemaTransform = (input) => {
  const { schema, url } = jsonSchemaTransform(input)
  const { config }: Pick<RouteOptions, 'config'> = input.route
  const described = { ...schema, response: { ...responsesOf(schema), ...ERRORS } }
  return withoutWildcard(config?.access === 'public' ? { ...described, security: [] } : described, url)
}

function responsesOf({ response }: { response?: unknown }): object {
  return typeof response === 'object' && response !== null
    ? response
    : { '2xx': { type: 'null', description: 'Done.' } }
}

/** OpenAPI has no wildcard, and the methods of one path belong together: the name of a file stands where an id does. */
function withoutWildcard<T extends { params?: unknown }>(schema: T, url: string): { schema: T; url: string } {
  const { properties } = (schema.params ?? {}) as { properties?: { '*'?: object } }
  const name = properties?.['*']
  if (name === undefined) return { schema, url }
  const params = { type: 'object', properties: { id: name }, required: ['id'] }
  return { schema: { ...schema, params }, url: url.replace('*', ':id') }
}
