/** State stores with one deliberate fault each, and the check that has to catch it. */
import type { Fence, SaveRequest, StateStore, StoredBuild } from '../../src/state/index.ts'

/** A store like another but for these methods. */
function faulty(store: StateStore, faults: (inner: StateStore) => Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(inner, name) {
      const own = faults(inner)[name as keyof StateStore]
      if (own !== undefined) return own
      const value: unknown = Reflect.get(inner, name, inner)
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value
    },
  })
}

function changed(request: SaveRequest, change: Partial<SaveRequest>): SaveRequest {
  return { ...request, ...change }
}

async function newest(store: StateStore): Promise<number> {
  return (await store.head()).serial
}

type Save = [base: number, chain: readonly SaveRequest[], fences: readonly Fence[]]

interface Broken {
  fault: string
  check: string
  wrap: (store: StateStore) => StateStore
}

export const BROKEN_STORES: readonly Broken[] = [
  {
    fault: 'overwrites what others saved',
    check: 'refuses a save that builds on another serial than the newest',
    wrap: (store) =>
      faulty(store, (inner) => ({
        save: async (...[, chain, fences]: Save) => inner.save(await newest(inner), chain, fences),
      })),
  },
  {
    fault: 'ignores fences',
    check: 'refuses savers behind a fence, and remembers the fence',
    wrap: (store) => faulty(store, (inner) => ({ save: (...[base, chain]: Save) => inner.save(base, chain, []) })),
  },
  {
    fault: 'acknowledges before it saves',
    check: 'shows a save to every handle once it is acknowledged',
    wrap: (store) =>
      faulty(store, (inner) => ({
        save: async (...[base, chain, fences]: Save) => {
          setTimeout(() => void inner.save(base, chain, fences).catch(() => {}), 5)
          return { ...(await inner.head()), serial: base + chain.length }
        },
      })),
  },
  {
    fault: 'makes a chain one save after another',
    check: 'never shows half a save',
    wrap: (store) =>
      faulty(store, (inner) => ({
        // Each build by itself, with the first under the old serial's number.
        save: async (...[base, chain, fences]: Save) => {
          let head = await inner.head()
          if (head.serial !== base && base !== 0) head = { ...head, serial: base }
          for (const request of chain) {
            for (const build of request.put) {
              const part = { ...request, id: `${request.id}-${build.name}`, put: [build] }
              head = await inner.save(await newest(inner), [part], fences)
              await new Promise((resolve) => setTimeout(resolve, 1))
            }
          }
          return head
        },
      })),
  },
  {
    fault: 'saves again when it is asked again',
    check: 'gives the same answer to a save that is repeated, for the first answer may have been lost',
    wrap: (store) =>
      faulty(store, (inner) => ({
        save: async (...[base, chain, fences]: Save) =>
          inner.save(
            base === 0 ? await newest(inner) : base,
            chain.map((request) => changed(request, { id: `${Math.random()}` })),
            fences,
          ),
      })),
  },
  {
    fault: 'leaves out a build that was saved meanwhile',
    check: 'gives the builds saved since a serial, few or many',
    wrap: (store) =>
      faulty(store, (inner) => ({
        changesSince: async (serial: number, limit: number) => {
          const news = await inner.changesSince(serial, limit)
          return news && { ...news, builds: news.builds.slice(1) }
        },
      })),
  },
  {
    fault: 'gives what was removed meanwhile',
    check: 'gives the changes of each save to a close follower',
    wrap: (store) =>
      faulty(store, (inner) => ({
        changesSince: async (serial: number, limit: number) => {
          const news = await inner.changesSince(serial, limit)
          const gone = serial > 0 && (await inner.getAt(serial - 1, ['x'])).get('x')
          return news && gone ? { ...news, builds: [gone, ...news.builds] } : news
        },
      })),
  },
  {
    fault: 'goes on from the token of its last save',
    check: 'believes its own newest write, whatever else is written at the same time',
    wrap: (store) => {
      let token: number | null = null
      return faulty(store, (inner) => ({
        save: async (...[base, chain, fences]: Save) => {
          const head = await inner.save(base, chain, fences)
          token = fences[0]?.token ?? token
          return head
        },
        fenceOf: async (lock: string) => token ?? inner.fenceOf(lock),
      }))
    },
  },
  {
    fault: 'forgets old versions',
    check: 'keeps old versions of every build',
    wrap: (store) =>
      faulty(store, (inner) => ({
        getAt: async (_serial: number, names: readonly string[]) => {
          const builds = await Promise.all(names.map((name) => inner.get(name)))
          return new Map(builds.filter((build) => build !== null).map((build) => [build.name, build]))
        },
      })),
  },
  {
    fault: 'reads page by page without holding on to the save',
    check: 'shows a snapshot of one save, whatever is saved meanwhile',
    wrap: (store) => faulty(store, (inner) => ({ snapshot: () => looseSnapshot(inner) })),
  },
  {
    fault: 'trims names',
    check: 'keeps every character of names and bodies',
    wrap: (store) =>
      faulty(store, (inner) => ({
        save: (...[base, chain, fences]: Save) => {
          const trimmed = chain.map((request) =>
            changed(request, {
              put: request.put.map(({ name, status, body }) => ({ name: name.trim(), status, body })),
            }),
          )
          return inner.save(base, trimmed, fences)
        },
      })),
  },
  {
    fault: 'lists with one build a page too few',
    check: 'lists builds by name, in pages, by status',
    wrap: (store) =>
      faulty(store, (inner) => ({
        list: async (options: Parameters<StateStore['list']>[0]) => (await inner.list(options)).slice(0, -1),
      })),
  },
  {
    fault: 'does not remove',
    check: 'removes builds, and can be given them again',
    wrap: (store) =>
      faulty(store, (inner) => ({
        save: (...[base, chain, fences]: Save) => {
          const kept = chain.map((request) => changed(request, { remove: [] }))
          return inner.save(base, kept, fences)
        },
      })),
  },
]

async function* looseSnapshot(store: StateStore) {
  for (let after = ''; ;) {
    const head = await store.head()
    const page = await store.list({ after, limit: 1000 })
    const builds = await Promise.all(page.map(({ name }) => store.get(name)))
    yield { head, builds: builds.filter((build): build is StoredBuild => build !== null) }
    after = page.at(-1)?.name ?? after
    if (page.length < 1000) return
  }
}
