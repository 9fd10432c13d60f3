import { buildTemplate } from '../builds/index.ts'

export const wrong = buildTemplate
