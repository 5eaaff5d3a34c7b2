import { mkdirSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { AnnalsError, messageOf } from '../errors.ts'
import type { StoreOptions } from '../opening.ts'
import { invalid } from '../validation/values.ts'
import { splitClientOptions } from './client-options.ts'
import type { ClientScope } from './client-scope.ts'
import type { StoreLease } from './leased-store.ts'
import { LocalClient } from './local-client.ts'
import { acquireStore, releaseStore } from './shared-stores.ts'

export interface PersistentClientOptions extends ClientScope, StoreOptions {
  /** The store's folder; created where there is none. Default `./annals-data`. */
  path?: string
}

/**
 * A store in a folder, in this process.
 *
 * Nothing happens before the first call (or `open`). Clients of one folder in one process share one store, and
 * the options of the first one count; another process is refused with `store_locked`. A process that ends
 * without `close` loses nothing that was acknowledged.
 *
 * @example
 * const client = new PersistentClient({ path: './data' })
 * const notes = await client.getOrCreateCollection({ name: 'notes' })
 * await notes.add({ ids: ['a'], documents: ['first thought'] })
 * await client.close()
 */
export class PersistentClient extends LocalClient {
  constructor(options: PersistentClientOptions = {}) {
    const known = ['path', 'recovery', 'memoryBudgetBytes', 'diskReserveBytes', 'onProgress', 'env']
    const { scope, storeOptions } = splitClientOptions(options, 'PersistentClient', known)
    const { path = './annals-data' } = options
    if (typeof path !== 'string' || path === '') throw invalid('path', 'must name a folder', path)
    super(new FolderLease(resolve(path), storeOptions), scope)
  }
}

/** One client's claim to the store of a folder. */
class FolderLease implements StoreLease {
  readonly path: string
  readonly #options: StoreOptions
  #folder: string | null = null

  constructor(path: string, options: StoreOptions) {
    this.path = path
    this.#options = options
  }

  acquire(): ReturnType<typeof acquireStore> {
    // Two names of one folder are one store.
    this.#folder = realFolder(this.path)
    return acquireStore(this.#folder, this.#options)
  }

  async release(): Promise<void> {
    if (this.#folder !== null) await releaseStore(this.#folder)
  }
}

function realFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    return realpathSync(path)
  } catch (error) {
    throw new AnnalsError('log_unavailable', `The folder ${path} cannot be used: ${messageOf(error)}.`, {
      hint: 'Check that it is a folder, and that this user may write to it.',
      cause: error,
    })
  }
}
