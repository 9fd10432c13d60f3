/**
 * The room's second door, for the server: behind `build/index.ts` stands all that builds with Packer, which a file
 * share should not have to load.
 */
export { buildRoutes } from './build-routes.ts'
