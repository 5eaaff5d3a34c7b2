import type { StoreOptions } from '../opening.ts'
import { Store } from '../store.ts'
import { splitClientOptions } from './client-options.ts'
import type { ClientScope } from './client-scope.ts'
import type { StoreLease } from './leased-store.ts'
import { LocalClient } from './local-client.ts'

export interface EphemeralClientOptions
  extends ClientScope,
    Pick<StoreOptions, 'env' | 'memoryBudgetBytes'> {}

/**
 * A store in memory: everything a `PersistentClient` can do, for as long as the client lives. Each client has a
 * store of its own.
 *
 * @example
 * const client = new EphemeralClient()
 * const scratch = await client.createCollection({ name: 'scratch' })
 */
export class EphemeralClient extends LocalClient {
  constructor(options: EphemeralClientOptions = {}) {
    const { scope, storeOptions } = splitClientOptions(options, 'EphemeralClient', [
      'memoryBudgetBytes',
      'env',
    ])
    super(new MemoryLease(storeOptions), scope)
  }
}

class MemoryLease implements StoreLease {
  readonly path: null = null
  readonly #options: StoreOptions
  #store: Promise<Store> | null = null

  constructor(options: StoreOptions) {
    this.#options = options
  }

  acquire(): Promise<Store> {
    this.#store ??= Store.openInMemory(this.#options)
    return this.#store
  }

  async release(): Promise<void> {
    await (await this.#store)?.close()
  }
}
