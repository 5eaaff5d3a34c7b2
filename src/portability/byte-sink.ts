/** Where an export writes to: a file that appears only when it is whole, or a stream of the caller's. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { AnnalsError, messageOf } from '../errors.ts'
import { syncFolder, temporarySuffix } from '../files.ts'
import { abortable } from './progress.ts'

/** Where an export writes to: a file or a stream. */
export interface ByteSink {
  /** Bytes written so far. */
  readonly bytes: number
  /** Settles when more may be written: a slow reader slows the export. */
  write(chunk: string | Uint8Array): Promise<void>
  /** All was written. */
  finish(): Promise<void>
  /** Not all was written: a file is taken back; a stream stays as it is. */
  abandon(): Promise<void>
}

/** Opens a path or takes a stream. Throws `export_failed`. */
export async function openSink(target: string | Writable, signal: AbortSignal | null): Promise<ByteSink> {
  return typeof target === 'string' ? FileSink.open(resolve(target)) : new StreamSink(target, signal)
}

class FileSink implements ByteSink {
  readonly #path: string
  readonly #file: FileHandle
  #bytes = 0

  constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  static async open(path: string): Promise<FileSink> {
    try {
      return new FileSink(path, await open(path + temporarySuffix, 'w'))
    } catch (error) {
      throw exportFailed(`The file ${path} cannot be written`, error)
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    try {
      // writeFile, not write: it goes on where the system took only a part.
      await this.#file.writeFile(bytes)
    } catch (error) {
      throw exportFailed(`The file ${this.#path} cannot be written`, error)
    }
    this.#bytes += bytes.length
  }

  async finish(): Promise<void> {
    try {
      // Before the rename: a name must never stand for bytes that are not on the disk.
      await this.#file.sync()
      await this.#file.close()
      await rename(this.#path + temporarySuffix, this.#path)
      syncFolder(dirname(this.#path))
    } catch (error) {
      throw exportFailed(`The file ${this.#path} cannot be finished`, error)
    }
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined)
    await rm(this.#path + temporarySuffix, { force: true }).catch(() => undefined)
  }
}

class StreamSink implements ByteSink {
  readonly #stream: Writable
  readonly #signal: AbortSignal | null
  #bytes = 0
  #failure: unknown = null
  readonly #onError = (error: unknown) => {
    this.#failure = error
  }

  constructor(stream: Writable, signal: AbortSignal | null) {
    this.#stream = stream
    this.#signal = signal
    // An error between two writes must not end the process; the next write reports it.
    stream.on('error', this.#onError)
  }

  get bytes(): number {
    return this.#bytes
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const written = new Promise<void>((done, failed) => {
      if (this.#failure !== null) failed(this.#failure)
      else this.#stream.write(bytes, (error) => (error == null ? done() : failed(error)))
    })
    await abortable(
      written.catch((error: unknown) => {
        throw exportFailed('The target stream failed', error)
      }),
      this.#signal,
    )
    this.#bytes += bytes.length
  }

  async finish(): Promise<void> {
    if (this.#failure !== null) throw exportFailed('The target stream failed', this.#failure)
    this.#stream.off('error', this.#onError)
  }

  async abandon(): Promise<void> {
    // The listener stays: a destroyed stream reports its error later, when nobody else may be listening.
  }
}

function exportFailed(what: string, cause: unknown): AnnalsError {
  return new AnnalsError('export_failed', `${what}: ${messageOf(cause)}.`, { cause })
}
