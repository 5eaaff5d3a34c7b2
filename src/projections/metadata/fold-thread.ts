import { Worker } from 'node:worker_threads'
import type { FoldAnswer, FoldRequest, FoldTask } from './fold-worker.ts'
import { revived, type Sidecar } from './page-digests-worker.ts'

/** Who waits for a fold. */
interface Waiting {
  resolve: (sidecar: Sidecar) => void
  reject: (error: unknown) => void
}

/**
 * The main thread's end of the thread that folds one database; see `fold-worker.ts`. It keeps the process alive
 * only while it folds. After a failure of the thread itself, make another one.
 */
export class FoldThread {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #waiting: Waiting | null = null

  constructor(databasePath: string) {
    const workerData: FoldTask = { task: 'annals:fold', databasePath }
    // Without the options of the process: some, like `--input-type`, do not suit a file.
    this.#worker = new Worker(new URL('./fold-worker.js', import.meta.url), {
      workerData,
      execArgv: [],
      name: 'annals fold',
    })
    this.#worker.unref()
    this.#worker.on('message', (answer: FoldAnswer) => this.#told(answer))
    this.#worker.on('error', (error) => this.#settled()?.reject(error))
    this.#ended = new Promise((resolve) =>
      this.#worker.once('exit', (code) => {
        this.#settled()?.reject(new Error(`the folding thread ended with code ${code}`))
        resolve()
      }),
    )
  }

  /** Whether it is folding. */
  get isBusy(): boolean {
    return this.#waiting !== null
  }

  /** Copies the log into the database, on top of these digests; answers those that stand on disk then. */
  fold(sidecar: Sidecar): Promise<Sidecar> {
    if (this.#waiting !== null) throw new Error('the log is being folded already')
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#worker.ref()
      this.#ask({ sidecar })
    })
  }

  /** Ends the thread, after its connections are closed. Not while it folds. */
  close(): Promise<void> {
    this.#worker.ref()
    this.#ask('end')
    return this.#ended
  }

  #ask(request: FoldRequest): void {
    this.#worker.postMessage(request)
  }

  #told(answer: FoldAnswer): void {
    const waiting = this.#settled()
    if ('failure' in answer) {
      const { message, ...known } = answer.failure
      waiting?.reject(Object.assign(new Error(message), known))
    } else waiting?.resolve(revived(answer.sidecar))
  }

  #settled(): Waiting | null {
    const waiting = this.#waiting
    this.#waiting = null
    this.#worker.unref()
    return waiting
  }
}
