/** Lock stores with one deliberate fault each, and the check that has to catch it. */
import type { HeldLock, Grant, LockInfo, LockRequest, LockStore } from '../../src/lock/index.ts'

/** Passes everything on; the faulty ones override one method. */
class Wrapped implements LockStore {
  readonly inner: LockStore
  readonly capabilities: LockStore['capabilities']

  constructor(inner: LockStore) {
    this.inner = inner
    this.capabilities = inner.capabilities
  }

  isReplaced(): boolean {
    return this.inner.isReplaced()
  }
  acquire(request: LockRequest, signal?: AbortSignal): Promise<Grant | { holder: LockInfo }> {
    return this.inner.acquire(request, signal)
  }
  renew(name: string, id: string, ttlMs: number): Promise<boolean> {
    return this.inner.renew(name, id, ttlMs)
  }
  release(name: string, id: string): Promise<boolean> {
    return this.inner.release(name, id)
  }
  read(name: string): Promise<HeldLock | null> {
    return this.inner.read(name)
  }
  list(): Promise<HeldLock[]> {
    return this.inner.list()
  }
  forceRelease(name: string, id: string): Promise<boolean> {
    return this.inner.forceRelease(name, id)
  }
  close(): Promise<void> {
    return this.inner.close()
  }
}

class LetsEverybodyIn extends Wrapped {
  #token = 0
  override async acquire(request: LockRequest, signal?: AbortSignal) {
    const answer = await this.inner.acquire({ ...request, wait: false }, signal)
    return 'holder' in answer ? { fencingToken: ++this.#token, abandonedBy: null } : answer
  }
}

class PushesIn extends Wrapped {
  #isOpen = true
  /** Waits outside the line and comes back at random moments: mutual exclusion without fairness. */
  override async acquire(request: LockRequest, signal?: AbortSignal) {
    while (this.#isOpen) {
      const answer = await this.inner.acquire({ ...request, wait: false }, signal)
      if (!('holder' in answer) || !request.wait) return answer
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
    }
    throw new Error('closed')
  }

  override close() {
    this.#isOpen = false
    return this.inner.close()
  }
}

class ForgetsTokens extends Wrapped {
  override async acquire(request: LockRequest, signal?: AbortSignal) {
    const answer = await this.inner.acquire({ ...request, tokenAbove: 0 }, signal)
    return 'holder' in answer ? answer : { ...answer, fencingToken: 1 }
  }
}

class BreaksForAnyId extends Wrapped {
  override async forceRelease(name: string, id: string) {
    const holder = await this.inner.read(name)
    return this.inner.forceRelease(name, holder?.id ?? id)
  }
}

class ReleasesForAnyId extends Wrapped {
  override async release(name: string, id: string) {
    const holder = await this.inner.read(name)
    return this.inner.release(name, holder?.id ?? id)
  }
}

class AlwaysRenews extends Wrapped {
  override async renew(name: string, id: string, ttlMs: number) {
    await this.inner.renew(name, id, ttlMs)
    return true
  }
}

class NeverRenews extends Wrapped {
  override async renew(name: string, id: string) {
    return (await this.inner.read(name))?.id === id
  }
}

class NeverExpires extends Wrapped {
  override acquire(request: LockRequest, signal?: AbortSignal) {
    return this.inner.acquire({ ...request, ttlMs: 1e9 }, signal)
  }
}

class IgnoresAborts extends Wrapped {
  override acquire(request: LockRequest) {
    return this.inner.acquire(request)
  }
}

class HasOneLock extends Wrapped {
  override acquire(request: LockRequest, signal?: AbortSignal) {
    return this.inner.acquire({ ...request, info: { ...request.info, name: 'free' } }, signal)
  }
}

export const BROKEN_STORES: readonly { fault: new (inner: LockStore) => LockStore; check: string }[] = [
  { fault: LetsEverybodyIn, check: 'never has two holders' },
  { fault: PushesIn, check: 'passes a lock on in the order of requests, across all handles' },
  { fault: ForgetsTokens, check: 'gives ever greater fencing tokens, and greater than the token it is given' },
  { fault: BreaksForAnyId, check: 'breaks a lock for the id that read shows, and for no other' },
  { fault: ReleasesForAnyId, check: 'frees a lock on release, once, and only under its id' },
  { fault: AlwaysRenews, check: 'keeps a lock that is renewed, far beyond its time' },
  { fault: NeverRenews, check: 'keeps a lock that is renewed, far beyond its time' },
  { fault: NeverExpires, check: 'takes a lock over when its time is up, and says from whom' },
  { fault: IgnoresAborts, check: 'lets a waiter give up, and forgets its place' },
  { fault: HasOneLock, check: 'keeps locks with different names apart' },
]
