import { createHash } from 'node:crypto'
import { createWriteStream, renameSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, deflateRawSync } from 'node:zlib'
import { endsCommit } from '../commit-end.ts'
import { syncFolder, temporarySuffix } from '../files.ts'
import {
  type BackupManifest,
  type ChunkCompression,
  type ChunkEntry,
  chunkName,
  itemHead,
} from '../format/backup-file.ts'
import type { MerkleFrontier } from '../log/merkle-tree.ts'
import type { LogFrame } from '../log/operation-log.ts'

/** Bytes that are handed on at once: large enough that streams cost nothing, small enough for memory. */
const pieceBytes = 262_144
/** Compression must save at least this share to be worth its time; vectors alone hardly ever do. */
const worthwhile = 0.85
const sampleBytes = 65_536

/** Frames in order, one chunk after another. */
export interface FrameCursor {
  /** The next frame, without taking it; `undefined` at the end. */
  peek(): Promise<LogFrame | undefined>
  take(): void
}

/** A chunk that is in place, and the newest commit that is whole with it; `null` when none ends in it. */
export interface WrittenChunk {
  entry: ChunkEntry
  head: BackupManifest['head'] | null
}

/** A cursor on any sequence of frames. */
export function cursorOn(frames: AsyncIterator<LogFrame, void>): FrameCursor {
  let ahead: LogFrame | undefined
  return {
    async peek() {
      if (ahead !== undefined) return ahead
      const next = await frames.next()
      ahead = next.done === true ? undefined : next.value
      return ahead
    },
    take() {
      ahead = undefined
    },
  }
}

/**
 * Writes one chunk: frames from the cursor until `bytesMax` of content, or until there are no more; one frame
 * at least. Each frame's leaf goes into `frontier`. The file is durable under its name when this returns.
 */
export async function writeChunk(
  folder: string,
  cursor: FrameCursor,
  frontier: MerkleFrontier,
  { bytesMax, signal }: { bytesMax: number; signal: AbortSignal | undefined },
): Promise<WrittenChunk> {
  const filling = new ChunkFilling(cursor, frontier, bytesMax)
  const first = frontier.size + 1
  const head = await filling.nextPiece()
  const compression = chooseCompression(head)
  const file = chunkName(first, compression)
  const path = join(folder, file)
  const written = await writeStream(path + temporarySuffix, compression, pieces(head, filling), signal)
  renameSync(path + temporarySuffix, path)
  syncFolder(folder)
  const root = frontier.root().toString('hex')
  return {
    entry: { file, first, ...filling.summary(), compression, ...written, root },
    head: filling.newestCommit(),
  }
}

/** Takes frames from a cursor and lays them out as the pieces of one chunk. */
class ChunkFilling {
  readonly #cursor: FrameCursor
  readonly #frontier: MerkleFrontier
  readonly #bytesMax: number
  #contentBytes = 0
  #firstCommittedAt = 0
  #lastCommittedAt = 0
  #newestWhole: { frontier: MerkleFrontier; committedAt: number } | null = null

  constructor(cursor: FrameCursor, frontier: MerkleFrontier, bytesMax: number) {
    this.#cursor = cursor
    this.#frontier = frontier
    this.#bytesMax = bytesMax
  }

  /** The next piece; empty when the chunk is full or there are no more frames. */
  async nextPiece(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let bytes = 0; bytes < pieceBytes; ) {
      const frame = await this.#cursor.peek()
      if (frame === undefined) break
      const head = itemHead(frame.position, frame.bytes.length)
      const more = head.length + frame.bytes.length
      if (this.#contentBytes > 0 && this.#contentBytes + more > this.#bytesMax) break
      this.#take(frame, more)
      parts.push(head, frame.bytes)
      bytes += more
    }
    return Buffer.concat(parts)
  }

  summary() {
    return {
      last: this.#frontier.size,
      firstCommittedAt: new Date(this.#firstCommittedAt).toISOString(),
      lastCommittedAt: new Date(this.#lastCommittedAt).toISOString(),
      contentBytes: this.#contentBytes,
    }
  }

  newestCommit(): BackupManifest['head'] | null {
    if (this.#newestWhole === null) return null
    const { frontier, committedAt } = this.#newestWhole
    return {
      position: frontier.size,
      root: frontier.root().toString('hex'),
      committedAt: new Date(committedAt).toISOString(),
    }
  }

  #take(frame: LogFrame, bytes: number): void {
    const { leaf, commit } = frame
    this.#cursor.take()
    this.#frontier.append(leaf)
    if (this.#contentBytes === 0) this.#firstCommittedAt = commit.committedAt
    this.#lastCommittedAt = commit.committedAt
    if (endsCommit(frame))
      this.#newestWhole = { frontier: this.#frontier.clone(), committedAt: commit.committedAt }
    this.#contentBytes += bytes
  }
}

async function* pieces(head: Buffer, filling: ChunkFilling): AsyncGenerator<Buffer, void> {
  for (let piece = head; piece.length > 0; piece = await filling.nextPiece()) yield piece
}

function chooseCompression(head: Buffer): ChunkCompression {
  const sample = head.subarray(0, sampleBytes)
  return deflateRawSync(sample, { level: 1 }).length < worthwhile * sample.length ? 'gzip' : 'none'
}

/** Streams pieces into a file, and makes it durable; answers its size and digest. */
async function writeStream(
  path: string,
  compression: ChunkCompression,
  content: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<{ bytes: number; sha256: string }> {
  const digest = createHash('sha256')
  let bytes = 0
  const meter = new Transform({
    transform(piece: Buffer, _encoding, done) {
      digest.update(piece)
      bytes += piece.length
      done(null, piece)
    },
  })
  const options = signal === undefined ? {} : { signal }
  const source = Readable.from(content, { objectMode: true, highWaterMark: 1 })
  if (compression === 'gzip')
    await pipeline(source, createGzip({ level: 1 }), meter, createWriteStream(path), options)
  else await pipeline(source, meter, createWriteStream(path), options)
  // Before the rename: a name must never stand for bytes that are not on the disk.
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
  return { bytes, sha256: digest.digest('hex') }
}
