import type { Subscription } from 'rxjs'
import { messageOf } from '../errors.ts'
import { limits } from '../limits.ts'
import type { MetadataFile } from '../projections/metadata/metadata-file.ts'
import type { Projector } from '../projections/projector.ts'

/** Folds SQLite's write-ahead log into the database once it has grown large, while writes wait. */
export class WalFolder {
  readonly #file: MetadataFile
  readonly #warn: (message: string) => void
  readonly #subscription: Subscription
  #scheduled: NodeJS.Immediate | null = null
  #foldAtBytes: number = limits.walBytesMax

  constructor(projector: Projector, file: MetadataFile, warn: (message: string) => void) {
    this.#file = file
    this.#warn = warn
    this.#subscription = projector.commits.subscribe(() => {
      this.#scheduled ??= setImmediate(() => this.#foldIfLarge())
    })
  }

  stop(): void {
    this.#subscription.unsubscribe()
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
  }

  async #foldIfLarge(): Promise<void> {
    if (this.#file.walBytes() >= this.#foldAtBytes)
      try {
        const isFolded = await this.#file.fold()
        // A viewer that goes on reading keeps the log: to try again with each commit would hold up the writes.
        this.#foldAtBytes = isFolded ? limits.walBytesMax : 1.25 * this.#file.walBytes()
      } catch (error) {
        this.#warn(messageOf(error))
      }
    this.#scheduled = null
  }
}
