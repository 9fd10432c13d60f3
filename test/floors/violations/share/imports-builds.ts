import { build } from '../builds/index.ts'
export const wrong = build
