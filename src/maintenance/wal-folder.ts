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
    if (this.#file.walBytes() >= limits.walBytesMax)
      await this.#file.fold().catch((error: unknown) => this.#warn(messageOf(error)))
    this.#scheduled = null
  }
}
