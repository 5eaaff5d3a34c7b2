import { MemoryLevel } from 'memory-level'
import { type BinaryLevel, binaryEncodings, LevelHandle } from './level-handle.ts'
import type { Handle, Medium } from './medium.ts'

/** A medium in memory: what `EphemeralClient` writes to. Its contents outlive its handles. */
export class MemoryMedium implements Medium {
  readonly name = 'the store in memory'
  #db: BinaryLevel | null = null

  async open(): Promise<Handle> {
    this.#db ??= new MemoryLevel<Buffer, Buffer>({
      ...binaryEncodings,
      storeEncoding: 'buffer',
    }) as BinaryLevel
    await this.#db.open()
    return new LevelHandle(this.#db)
  }

  admit(): void {}
}
