import { Worker } from 'node:worker_threads'
import { AnnalsError, messageOf } from '../errors.ts'
import { importFailed } from './byte-source.ts'
import { abortable } from './progress.ts'

/** One row group: columns of equal length. */
export interface ParquetGroup {
  rows: number
  columns: Record<string, unknown[]>
  /** Bytes of the file that were read for it. */
  bytes: number
}

/** What the worker answers to each request: a group, the end, or what is wrong. */
export type ParquetAnswer = { group: ParquetGroup } | { end: true } | { problem: string; hint?: string }

/** No row group takes longer to decode; what does is a damaged file that a decoder runs in circles over. */
const decodeTimeoutMs = 120_000

/**
 * Reads a Parquet file row group by row group, in a worker thread. A damaged file may make its decoder loop
 * without end, take all memory, or reject a promise that nobody holds: in a thread of its own, this is an
 * error like any other, and the event loop goes on.
 */
export class ParquetReader {
  readonly #worker: Worker
  readonly #name: string
  readonly #signal: AbortSignal | null
  readonly #timeoutMs: number
  #settle: ((answer: ParquetAnswer) => void) | null = null

  constructor(path: string, name: string, signal: AbortSignal | null, timeoutMs: number = decodeTimeoutMs) {
    this.#name = name
    this.#signal = signal
    this.#timeoutMs = timeoutMs
    this.#worker = new Worker(new URL('./parquet-worker.js', import.meta.url), {
      workerData: { task: 'annals:read-parquet', path },
      execArgv: [],
      name: 'annals parquet',
      stderr: true,
      // A row group is garbage soon: much of it need not gather before it is collected.
      resourceLimits: { maxYoungGenerationSizeMb: 12 },
    })
    this.#worker.on('message', (answer: ParquetAnswer) => this.#settle?.(answer))
    this.#worker.on('error', (error) => this.#settle?.({ problem: messageOf(error) }))
    this.#worker.on('exit', () => this.#settle?.({ problem: 'its reader stopped' }))
  }

  /** The next row group; `null` behind the last one. Throws `import_failed`, or the signal's reason. */
  async next(): Promise<ParquetGroup | null> {
    const answer = await abortable(this.#ask(), this.#signal)
    if ('group' in answer) return answer.group
    if ('end' in answer) return null
    throw importFailed(
      `${this.#name} cannot be read as Parquet: ${answer.problem}.`,
      undefined,
      answer.hint ?? 'Files must be whole, not encrypted, and not compressed or compressed with Snappy.',
    )
  }

  async close(): Promise<void> {
    this.#settle = null
    await this.#worker.terminate()
  }

  async #ask(): Promise<ParquetAnswer> {
    if (this.#settle !== null) throw new AnnalsError('internal', 'A row group is being read already.')
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<ParquetAnswer>((done) => {
        this.#settle = done
        const problem = `a row group took longer than ${this.#timeoutMs / 1000} s`
        timer = setTimeout(() => done({ problem }), this.#timeoutMs)
        this.#worker.postMessage('next')
      })
    } finally {
      clearTimeout(timer)
      this.#settle = null
    }
  }
}
