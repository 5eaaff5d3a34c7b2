import { type ChunkItem, ItemReader } from '../../format/backup-file.ts'
import { inspectFrame } from '../../format/operation-record.ts'
import { digestBytes } from '../../format/sha256.ts'
import type { LogFrame, LogLeaf, ReadOptions } from '../../log/operation-log.ts'
import type { LogToCopy } from '../../portability/backup.ts'
import { connectionLost } from './failure.ts'
import { apiRoot, withQuery } from './paths.ts'
import type { Transport } from './transport.ts'

/** What a server tells of its log when a backup begins. */
export interface LogState {
  storeId: string
  epoch: number
  head: number
  /** Hexadecimal. */
  root: string
}

/**
 * The log of a store behind a server, as far as a backup reads it: as it stood when the backup began. Every frame is
 * checked by its digests when it comes; a stream that ends early is `connection_lost`.
 */
export class RemoteLog implements LogToCopy {
  readonly storeId: string
  readonly epoch: number
  readonly head: number
  readonly root: Buffer
  readonly #transport: Transport
  readonly #signal: AbortSignal | undefined

  constructor(
    transport: Transport,
    { storeId, epoch, head, root }: LogState,
    signal: AbortSignal | undefined,
  ) {
    this.#transport = transport
    this.#signal = signal
    this.storeId = storeId
    this.epoch = epoch
    this.head = head
    this.root = Buffer.from(root, 'hex')
  }

  async *leaves(options: ReadOptions): AsyncGenerator<Pick<LogLeaf, 'position' | 'leaf'>, void, undefined> {
    let { after, until } = this.#range(options)
    let rest: Buffer = Buffer.alloc(0)
    for await (const chunk of this.#bytes('leaves', after, until)) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      for (; at + digestBytes <= bytes.length && after < until; at += digestBytes) {
        after += 1
        yield { position: after, leaf: bytes.subarray(at, at + digestBytes) }
      }
      rest = bytes.subarray(at)
    }
    if (after !== until || rest.length > 0) throw this.#cutShort(after, until)
  }

  async *frames(options: ReadOptions): AsyncGenerator<LogFrame, void, undefined> {
    const { after, until } = this.#range(options)
    const reader = new ItemReader()
    let last = after
    for await (const chunk of this.#bytes('frames', after, until))
      for (const { position, bytes } of this.#items(reader, chunk)) {
        if (position !== last + 1 || position > until) throw this.#cutShort(last, until)
        last = position
        yield { position, bytes, ...inspectFrame(position, bytes) }
      }
    if (last !== until) throw this.#cutShort(last, until)
  }

  #items(reader: ItemReader, chunk: Buffer): ChunkItem[] {
    try {
      return reader.push(chunk)
    } catch (error) {
      throw connectionLost(this.#transport.origin, error)
    }
  }

  async *#bytes(route: string, after: number, until: number): AsyncGenerator<Buffer, void, undefined> {
    if (after >= until) return
    const path = withQuery(`${apiRoot}/backup/${route}`, { after, until })
    const call = { method: 'GET' as const, path, timeoutMs: null, signal: this.#signal }
    const { chunks } = await this.#transport.stream(call)
    for await (const { buffer, byteOffset, byteLength } of chunks)
      yield Buffer.from(buffer, byteOffset, byteLength)
  }

  #range({ after = 0, until = this.head }: ReadOptions): { after: number; until: number } {
    return { after, until }
  }

  #cutShort(last: number, until: number): Error {
    const what = new Error(`the log came up to position ${last}, not to ${until}`)
    return connectionLost(this.#transport.origin, what)
  }
}
