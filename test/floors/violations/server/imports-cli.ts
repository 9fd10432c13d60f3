import { cli } from '../cli/index.ts'
export const wrong = cli
