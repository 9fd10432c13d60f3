import { closedTo } from '../server/index.ts'
export const wrong = closedTo
