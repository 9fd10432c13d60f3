/**
 * The room's second door, for the server: behind `builds/index.ts` stands all that builds with Packer, which a file
 * share should not have to load.
 */
export { BUILD_ERRORS, type BuildErrorCode } from '../errors.ts'
export { buildRoutes } from './build-routes.ts'
