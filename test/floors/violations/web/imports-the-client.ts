import { HoldfastClient } from '../client/index.ts'

export const wrong = HoldfastClient
