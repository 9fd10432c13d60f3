export { startServer, type Server } from './server.ts'
