/** How long the list of 10,000 files takes: whole, a page, a search. */
import { median } from './pairs.ts'

const FILES = 10_000
const PARALLEL = 20
const REPEATS = 9

/** Uploads 10,000 small files, then asks for lists of them. @returns a line for each question. */
export async function listingMs(url: string, token: string): Promise<string[]> {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  for (let index = 0; index < FILES; index += PARALLEL) {
    const batch = Array.from({ length: PARALLEL }, async (_, offset) => {
      const name = `report ${index + offset} of the yearly backup.tar.gz`
      const answer = await fetch(`${url}/api/files/${encodeURIComponent(name)}`, { method: 'PUT', headers, body: name })
      await answer.text()
    })
    await Promise.all(batch)
  }
  const questions = { 'all of them': 'limit=10000', 'a page of 100': 'limit=100', 'a search': 'search=yearly+99' }
  const lines: string[] = []
  for (const [label, query] of Object.entries(questions)) {
    const times: number[] = []
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const startedAt = performance.now()
      const answer = await fetch(`${url}/api/files?${query}`, { headers })
      await answer.text()
      times.push(performance.now() - startedAt)
    }
    lines.push(`${label} ${median(times).toFixed(0)} ms`)
  }
  return lines
}
