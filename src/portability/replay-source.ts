import { setTimeout as sleep } from 'node:timers/promises'
import type { LogFrame, OperationLog } from '../log/operation-log.ts'
import type { Projector } from '../projections/projector.ts'
import { resolvePoint } from '../readers/as-of.ts'
import { moreThan } from '../readers/changes.ts'
import type { CollectionState, Point } from '../types.ts'
import { BackupReader, type FramesOfBackup } from './backup-reader.ts'
import { UnpackedLog } from './unpacked-log.ts'

/** How often a backup that is followed is looked at. */
const lookEveryMs = 500

/** Where a replay reads: an open store, or a backup. */
export interface ReplaySource {
  readonly storeId: string
  readonly epoch: number
  /** The newest whole commit. */
  readonly head: number
  /** Root at `head`, where that is known without reading. */
  readonly root: Buffer | null
  /** The position at the end of a commit that a point stands for. */
  resolve(point: Exclude<Point, string> | undefined): Promise<number>
  frames(range: FramesOfBackup): AsyncGenerator<LogFrame, void>
  /** Reads a single operation record. */
  readonly read: OperationLog['read']
  /** Whether it has been closed: following it ends there. */
  readonly isClosed: boolean
  /** Waits until `head` lies behind `position`; false when nothing more will come. */
  more(position: number, signal: AbortSignal | undefined): Promise<boolean>
  /** Releases what the source took for itself. */
  close(): Promise<void>
}

/** The parts of an open store that a replay reads. */
export interface SourceStore {
  readonly log: OperationLog
  readonly projector: Projector
  readonly isClosed: boolean
}

/** An open store as a source. */
export class StoreSource implements ReplaySource {
  readonly #store: SourceStore
  readonly #log: OperationLog
  readonly #projector: Projector

  constructor(store: SourceStore) {
    this.#store = store
    this.#log = store.log
    this.#projector = store.projector
  }

  get isClosed(): boolean {
    return this.#store.isClosed
  }

  get storeId(): string {
    return this.#log.storeId
  }

  get epoch(): number {
    return this.#log.epoch
  }

  get head(): number {
    return this.#projector.position
  }

  get root(): Buffer | null {
    return this.#log.head === this.head ? this.#log.root : null
  }

  async resolve(point: Exclude<Point, string> | undefined): Promise<number> {
    return point === undefined ? this.head : resolvePoint(this.#log, this.head, point)
  }

  frames({ after, until }: FramesOfBackup): AsyncGenerator<LogFrame, void> {
    return this.#log.frames({ after, until })
  }

  read = (position: number): ReturnType<OperationLog['read']> => this.#log.read(position)

  more(position: number, signal: AbortSignal | undefined): Promise<boolean> {
    return moreThan(this.#projector, position, signal)
  }

  async close(): Promise<void> {}
}

/** A backup as a source: what a later backup adds to it comes in, too. */
export class BackupSource implements ReplaySource {
  readonly isClosed: boolean = false
  readonly #unpacked = new UnpackedLog()
  readonly #folders: readonly string[]
  #reader: BackupReader

  constructor(folders: readonly string[]) {
    this.#folders = folders
    this.#reader = BackupReader.open(folders)
  }

  get storeId(): string {
    return this.#reader.storeId
  }

  get epoch(): number {
    return this.#reader.epoch
  }

  get head(): number {
    return this.#reader.head.position
  }

  get root(): Buffer {
    return Buffer.from(this.#reader.head.root, 'hex')
  }

  resolve(point: Exclude<Point, string> | undefined): Promise<number> {
    return this.#reader.resolve(point)
  }

  frames(range: FramesOfBackup): AsyncGenerator<LogFrame, void> {
    return this.#reader.frames(range)
  }

  read = (position: number): ReturnType<OperationLog['read']> => this.#unpacked.read(this.#reader, position)

  close(): Promise<void> {
    return this.#unpacked.close()
  }

  async more(position: number, signal: AbortSignal | undefined): Promise<boolean> {
    while (signal?.aborted !== true) {
      this.#reader = BackupReader.open(this.#folders)
      if (this.head > position) return true
      await sleep(lookEveryMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    }
    return false
  }
}

/** The last state of every collection up to `until`, deleted ones included, by UUID. */
export async function lastStates(
  source: ReplaySource,
  until: number,
): Promise<ReadonlyMap<string, CollectionState>> {
  const states = new Map<string, CollectionState>()
  for await (const frame of source.frames({ after: 0, until })) {
    const record = frame.record()
    if (record.type === 'create-collection' || record.type === 'modify-collection')
      states.set(record.collection, record.state)
  }
  return states
}
