import { startServer } from '../server/index.ts'

export const wrong = startServer
