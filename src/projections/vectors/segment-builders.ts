import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { AnnalsError } from '../../errors.ts'
import { type BuiltSegment, buildSegment, type SegmentBuild } from './segment-build.ts'

/** How a build stands in line. */
export interface BuildPlace {
  /** Whose build it is: a collection's id. */
  collection: string
  /** Builds of this collection that may run at once. */
  numThreads: number
}

interface Line {
  /** Each lets one waiting build go. */
  readonly waiting: (() => void)[]
  running: number
  numThreads: number
}

/**
 * Runs builds in worker threads, as many at once as there are cores for them.
 *
 * What holds:
 * - At most `maxWorkers` builds run, and of one collection at most its `numThreads`.
 * - Builds of one collection start in the order of their calls. A collection that was served goes to the back,
 *   so none waits for another's whole queue.
 * - While any build waits, one runs; so who keeps the running ones alive keeps them all alive.
 * - A build in flight does not keep the process alive by itself: what it would have made can be made again from
 *   the log. `idle`, `close` and `retain` keep the process alive, because someone waits.
 */
export class SegmentBuilders {
  readonly #maxWorkers: number
  /** By collection, in the order in which they are served. */
  readonly #lines = new Map<string, Line>()
  readonly #unfinished = new Map<AbortController, Promise<unknown>>()
  readonly #workers = new Set<Worker>()
  #running = 0
  #retained = 0
  #closed = false

  constructor(options: { maxWorkers?: number } = {}) {
    this.#maxWorkers = Math.max(1, options.maxWorkers ?? availableParallelism())
  }

  /** `buildSegment`, as soon as it is this build's turn. */
  build(build: SegmentBuild, place: BuildPlace): Promise<BuiltSegment> {
    if (this.#closed) return Promise.reject(storeClosed())
    const ending = new AbortController()
    const built = this.#run(build, place, ending)
    this.#unfinished.set(ending, built)
    return built
  }

  /** Until the answer is called, builds keep the process alive. */
  retain(): () => void {
    if (this.#retained++ === 0) for (const worker of this.#workers) worker.ref()
    let released = false
    return () => {
      if (released) return
      released = true
      if (--this.#retained === 0) for (const worker of this.#workers) worker.unref()
    }
  }

  /** Waits until no build runs or waits. Failed builds are no error here: their callers know. */
  async idle(): Promise<void> {
    const release = this.retain()
    try {
      while (this.#unfinished.size > 0) await Promise.allSettled(this.#unfinished.values())
    } finally {
      release()
    }
  }

  /** Takes no more builds, and ends those that run or wait, or with `finish` completes them. */
  async close(options: { finish?: boolean } = {}): Promise<void> {
    this.#closed = true
    if (options.finish !== true) for (const ending of this.#unfinished.keys()) ending.abort(storeClosed())
    await this.idle()
  }

  async #run(build: SegmentBuild, place: BuildPlace, ending: AbortController): Promise<BuiltSegment> {
    const end = (): void => ending.abort(build.signal?.reason)
    build.signal?.addEventListener('abort', end, { once: true })
    if (build.signal?.aborted) end()
    try {
      await this.#turn(place, ending.signal)
      const stoppable = { ...build, signal: ending.signal }
      return await buildSegment(stoppable, (worker) => this.#enlist(worker)).finally(() =>
        this.#leave(place.collection),
      )
    } finally {
      build.signal?.removeEventListener('abort', end)
      this.#unfinished.delete(ending)
    }
  }

  /** Fulfilled when a worker is free for this build, which then counts as running; rejected on the signal. */
  #turn(place: BuildPlace, signal: AbortSignal): Promise<void> {
    const line = this.#lines.get(place.collection) ?? { waiting: [], running: 0, numThreads: 1 }
    this.#lines.set(place.collection, line)
    line.numThreads = Math.max(1, place.numThreads)
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', stepOut)
        resolve()
      }
      const stepOut = (): void => {
        line.waiting.splice(line.waiting.indexOf(go), 1)
        this.#forget(place.collection)
        reject(signal.reason)
      }
      line.waiting.push(go)
      if (signal.aborted) return stepOut()
      signal.addEventListener('abort', stepOut, { once: true })
      this.#serve()
    })
  }

  #serve(): void {
    while (this.#running < this.#maxWorkers) {
      const next = this.#nextToServe()
      if (next === undefined) return
      const [collection, line] = next
      this.#lines.delete(collection)
      this.#lines.set(collection, line)
      this.#running++
      line.running++
      line.waiting.shift()?.()
    }
  }

  #nextToServe(): [string, Line] | undefined {
    for (const entry of this.#lines)
      if (entry[1].waiting.length > 0 && entry[1].running < entry[1].numThreads) return entry
    return undefined
  }

  #leave(collection: string): void {
    this.#running--
    this.#lines.get(collection)!.running--
    this.#forget(collection)
    this.#serve()
  }

  #forget(collection: string): void {
    const line = this.#lines.get(collection)!
    if (line.running === 0 && line.waiting.length === 0) this.#lines.delete(collection)
  }

  #enlist(worker: Worker): void {
    this.#workers.add(worker)
    worker.once('exit', () => this.#workers.delete(worker))
    if (this.#retained === 0) worker.unref()
  }
}

function storeClosed(): AnnalsError {
  return new AnnalsError('store_closed', 'the store was closed before the segment was built')
}
