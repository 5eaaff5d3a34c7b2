/** Where an import reads from: a file or a stream of the caller's. */
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { AnnalsError, messageOf, show } from '../errors.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folders.ts'
import { abortable } from './progress.ts'

/** One record as text: beyond, memory would be at the mercy of the file. */
export const recordBytesMax = 268_435_456

const readBytes = 262_144

/** The bytes of a source, read once, front to back. */
export class ByteSource {
  readonly #source: string | Readable
  readonly #signal: AbortSignal | null
  #bytes = 0

  constructor(source: string | Readable, signal: AbortSignal | null) {
    this.#source = source
    this.#signal = signal
  }

  /** The path, where the source is a file. */
  get path(): string | null {
    return typeof this.#source === 'string' ? this.#source : null
  }

  get signal(): AbortSignal | null {
    return this.#signal
  }

  /** How messages call it. */
  get name(): string {
    return this.path ?? 'The source stream'
  }

  /** Bytes handed out so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** For formats that read by themselves. */
  countBytes(bytes: number): void {
    this.#bytes += bytes
  }

  /** Throws `import_failed` when reading fails, and the signal's reason when it fires. */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    const stream =
      typeof this.#source === 'string'
        ? createReadStream(this.#source, { highWaterMark: readBytes })
        : this.#source
    const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<unknown>
    let finished = false
    try {
      while (true) {
        const { value, done } = await abortable(iterator.next(), this.#signal)
        finished = done === true
        if (finished) return
        const chunk = bytesOf(value)
        this.#bytes += chunk.length
        yield chunk
      }
    } catch (error) {
      if (error instanceof AnnalsError || this.#signal?.aborted) throw error
      throw importFailed(`${this.name} cannot be read: ${messageOf(error)}.`, error)
    } finally {
      // Whoever stops early lets go of the file; a stream of the caller's is destroyed, as for-await does.
      if (!finished) stream.destroy()
    }
  }
}

function bytesOf(chunk: unknown): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw importFailed(`The source stream must give bytes or text, got ${show(chunk)}.`)
}

/** A line and its number, from 1. `text` is `null` when the bytes are no UTF-8. */
export interface Line {
  line: number
  text: string | null
}

/** Lines of UTF-8 text, without their ends; a byte order mark and blank lines are left out. */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<Line, void, undefined> {
  let line = 0
  let pieces: Buffer[] = []
  let held = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const bytes =
        pieces.length === 0
          ? chunk.subarray(start, end)
          : Buffer.concat([...pieces, chunk.subarray(start, end)])
      pieces = []
      held = 0
      start = end + 1
      line += 1
      if (!isBlank(bytes)) yield { line, text: textOf(bytes, line) }
    }
    if (start === chunk.length) continue
    pieces.push(chunk.subarray(start))
    held += chunk.length - start
    if (held > recordBytesMax)
      throw importFailed(`${name}: line ${line + 1} is longer than ${recordBytesMax} bytes.`)
  }
  const rest = Buffer.concat(pieces)
  if (!isBlank(rest)) yield { line: line + 1, text: textOf(rest, line + 1) }
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 32 && byte !== 9 && byte !== 13) return false
  return true
}

function textOf(bytes: Buffer, line: number): string | null {
  if (!isUtf8(bytes)) return null
  const text = bytes.toString('utf8')
  return line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text
}

/** A folder for what must be read twice; removed by `remove`, or with the process. */
export class Spool {
  readonly folder: string = makeTemporaryFolder()

  /** Copies a source into a file; answers its path. */
  async copy(source: ByteSource, name: string): Promise<string> {
    const path = join(this.folder, name)
    const file: FileHandle = await open(path, 'wx')
    try {
      for await (const chunk of source.chunks()) await file.writeFile(chunk)
    } finally {
      await file.close()
    }
    return path
  }

  remove(): void {
    removeTemporaryFolder(this.folder)
  }
}

/** An `import_failed`: what is wrong with the source. */
export function importFailed(message: string, cause?: unknown, hint?: string): AnnalsError {
  return new AnnalsError('import_failed', message, {
    ...(hint !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  })
}
