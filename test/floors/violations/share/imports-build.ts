import { build } from '../build/index.ts'
export const wrong = build
