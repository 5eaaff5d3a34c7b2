import { AnnalsError } from '../errors.ts'
import type { Store } from '../store.ts'

/** Where a client gets its store from, and how it gives it back. */
export interface StoreLease {
  /** The folder; `null` in memory. */
  readonly path: string | null
  acquire(): Promise<Store>
  release(): Promise<void>
}

/**
 * A client's hold on its store.
 *
 * What holds:
 * - The store is acquired at the first call that needs it, and once; a failed opening may be tried again.
 * - It is released once, if it was acquired, and nobody gets it from here after `close` was called.
 */
export class LeasedStore {
  readonly path: string | null
  readonly #lease: StoreLease
  #opening: Promise<Store> | null = null
  #closing: Promise<void> | null = null

  constructor(lease: StoreLease) {
    this.#lease = lease
    this.path = lease.path
  }

  /** The open store. Throws `store_closed` after `close`. */
  async store(): Promise<Store> {
    if (this.#closing !== null)
      throw new AnnalsError('store_closed', 'This client is closed.', {
        fate: 'not_written',
        hint: 'Make a new client; the store opens again.',
      })
    // Whoever held the lock when an opening failed may be gone.
    this.#opening ??= this.#lease.acquire().catch((error: unknown) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  /** The same store for another client, which gives nothing back. */
  lend(): StoreLease {
    return { path: this.path, acquire: () => this.store(), release: async () => undefined }
  }

  /** Gives the store back after `work` is done, which has it already; idempotent. */
  close(work: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#close(work)
    return this.#closing
  }

  async #close(work: () => Promise<void>): Promise<void> {
    await work()
    const opened = await this.#opening?.catch(() => null)
    if (opened != null) await this.#lease.release()
  }
}
