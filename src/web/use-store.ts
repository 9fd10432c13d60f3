import { useEffect, useState } from 'preact/hooks'
import type { Readable } from './store.ts'

export function useStore<T>(store: Readable<T>): T {
  const [value, setValue] = useState(() => store.get())
  useEffect(() => {
    const update = () => setValue(() => store.get())
    // The store may have changed between the first render and this effect.
    update()
    return store.subscribe(update)
  }, [store])
  return value
}
