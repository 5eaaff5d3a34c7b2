import { resolvePoint } from '../readers/as-of.ts'
import type { Store } from '../store.ts'
import type { Point } from '../types.ts'
import type { CallOrder } from './call-order.ts'

/** What a client shares with its collections and views. */
export interface Session {
  /** The open store; opens it at the first call. Throws `store_closed` after the client was closed. */
  store(): Promise<Store>
  readonly order: CallOrder
  readonly tenant: string
  readonly database: string
}

/** Where a view stands: now, or at a point of the past that is resolved once, at the first read. */
export class ReadPoint {
  readonly #point: Point | null
  #position: Promise<number> | null = null

  constructor(point: Point | null) {
    this.#point = point
  }

  /** The position to read at; `null` for now. */
  resolve(store: Store): Promise<number | null> {
    if (this.#point === null) return Promise.resolve(null)
    this.#position ??= resolvePoint(store.log, this.#point)
    return this.#position
  }
}

/** The positions that two points stand for. */
export async function resolveBoth(
  { log }: Store,
  [from, to]: readonly [Point, Point],
): Promise<{ from: number; to: number }> {
  return { from: await resolvePoint(log, from), to: await resolvePoint(log, to) }
}
