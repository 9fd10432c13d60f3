/** The HTTP application: Fastify, what holds for every request, and the rooms' routes. Opens no port. */
import fastifyCookie from '@fastify/cookie'
import fastifySwagger from '@fastify/swagger'
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { jsonSchemaTransformObject, validatorCompiler } from 'fastify-type-provider-zod'
import { randomId, VERSION, type Clock, type Log, type Metrics, type Secret } from '../base/index.ts'
import { buildRoutes } from '../builds/routes/index.ts'
import type { Share } from '../share/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import { ApiTokens } from './auth/api-tokens.ts'
import { sessionRoutes, tokenRoutes } from './auth/auth-routes.ts'
import { guard } from './auth/guard.ts'
import { sessionListRoutes } from './auth/session-list-routes.ts'
import { Sessions } from './auth/sessions.ts'
import { answerConnectionError } from './connection-errors.ts'
import type { Draining } from './draining.ts'
import { handleErrors, refuseUnroutable } from './error-handling.ts'
import type { OpenStates } from './open-states.ts'
import { describeRoute } from './openapi.ts'
import type { ServerConfig } from './options.ts'
import { Page } from './pages.ts'
import { endSlowBodies } from './slow-bodies.ts'
import { describeRequests, rewriteUrl } from './requests.ts'
import type { StateMetrics } from './state-metrics.ts'
import { statusRoutes } from './status-routes.ts'

export interface AppDependencies {
  config: ServerConfig
  clock: Clock
  log: Log
  metrics: Metrics
  stateMetrics: StateMetrics
  states: OpenStates
  /** Absolute. */
  dataFolder: string
  database: Database
  blobs: BlobStore
  share: Share
  sharedSecret: Secret
  draining: Draining
}

const REQUEST_ID_LENGTH = 12
/** Largest body that is read into memory: JSON and forms without a file. */
const MAX_PARSED_BODY_BYTES = 256 * 1024
/** Against clients that send their headers a byte at a time. */
const HEADERS_TIMEOUT_MS = 15_000
const CONNECTIONS_CHECK_MS = 5000
/** The longest name of a build, percent-encoded: 512 characters of up to 3 bytes. */
const MAX_PARAM_LENGTH = 512 * 3 * 3

export async function createApp(deps: AppDependencies): Promise<FastifyInstance> {
  const { config, database, clock, draining } = deps
  const logger: FastifyBaseLogger = deps.log
  const view = { publicUrl: config.publicUrl, behindProxy: config.behindProxy }
  const app: FastifyInstance = fastify({
    loggerInstance: logger,
    // One line a request, ours: see requests.ts.
    logController: new LogController({ disableRequestLogging: true }),
    rewriteUrl: (request) => rewriteUrl(request, view),
    // What stands in the forwarded headers by then is ours: see client-view.ts.
    trustProxy: (_address, hop) => hop === 0,
    genReqId: () => randomId(REQUEST_ID_LENGTH),
    bodyLimit: MAX_PARSED_BODY_BYTES,
    // A big file may take hours; only idle connections and slow headers are cut.
    requestTimeout: 0,
    connectionTimeout: config.idleTimeout,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      // client-view.ts looks at Host, so that a missing one gets an error of the documented form.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    forceCloseConnections: true,
    frameworkErrors: refuseUnroutable,
    clientErrorHandler: answerConnectionError,
  })
  app.setValidatorCompiler(validatorCompiler)
  // Answers are built by our own code from typed values; checking each against its schema again would only cost time.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  const page = new Page(config.publicUrl)
  handleErrors(app, page)
  describeRequests(app, { hsts: config.hsts })
  endSlowBodies(app, config.minUploadRate)
  // A client may close its side when it has asked, and still wants its answer.
  Object.assign(app.server, { httpAllowHalfOpen: true })
  parseJsonWhateverItIsCalled(app)
  await app.register(fastifyCookie)
  await app.register(fastifySwagger, {
    openapi: {
      info: { title: 'Holdfast', version: VERSION, description: 'A self-hosted file share.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: describeRoute,
    transformObject: jsonSchemaTransformObject,
  })
  draining.guard(app)
  const sessions = new Sessions({ database, secret: deps.sharedSecret, clock, uptime: deps.share.uptime })
  const tokens = new ApiTokens(database, clock)
  guard(app, sessions, tokens)
  sessionRoutes(app, sessions, clock, deps.states)
  sessionListRoutes(app, sessions)
  tokenRoutes(app, tokens, clock)
  statusRoutes(app, { ...deps, maxFileBytes: config.maxFileSize || null, publicMetrics: config.publicMetrics })
  await deps.share.register(app)
  buildRoutes(app, { dataFolder: deps.dataFolder, states: deps.states, ending: draining.signal })
  await app.register(async (scope) => page.register(scope))
  app.get('/api/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, async () => app.swagger())
  return app
}

/** PicoShare reads JSON whatever the Content-Type says, and `curl -d` says that it is a form. */
function parseJsonWhateverItIsCalled(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(['application/json', '*'], { parseAs: 'string' }, (request, body, done) => {
    // Clients name a type on every request; where a body is needed, the schema misses it.
    if (body === '') done(null, undefined)
    else void parse(request, String(body), done)
  })
}
