import { createBuild, type Build } from '../../src/state/index.ts'

export function counted(name: string, count: number): Build {
  return createBuild({ name, source: 'test', metadata: { count } })
}

export function countOf(build: Build | null): number {
  return Number(build?.metadata.count ?? 0)
}
