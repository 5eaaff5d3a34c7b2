import { exactMetadata, type MetadataForm } from '../metadata-form.ts'
import { tagNotFound } from '../not-found.ts'
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
  /**
   * How metadata is answered: with plain numbers. The exact form is for what writes the answers down again, such as
   * the server, which gets it from `client.withExactNumbers()`. Everything that leaves a session goes through it.
   */
  readonly form: MetadataForm
}

/** The same session, answering exact metadata. */
export function exactSession(session: Session): Session {
  const { order, tenant, database } = session
  return { store: () => session.store(), order, tenant, database, form: exactMetadata }
}

/** Where a view stands: now, or at a point of the past that is resolved once, at the first read that can. */
export class ReadPoint {
  readonly #point: Point | null
  #position: Promise<number> | null = null

  constructor(point: Point | null) {
    this.#point = point
  }

  /** The position to read at; `null` for now. */
  resolve(store: Store): Promise<number | null> {
    if (this.#point === null) return Promise.resolve(null)
    this.#position ??= positionOf(store, this.#point).catch((error) => {
      // What lies ahead now may be there at the next read.
      this.#position = null
      throw error
    })
    return this.#position
  }
}

/** The positions that two points stand for. */
export async function resolveBoth(
  store: Store,
  [from, to]: readonly [Point, Point],
): Promise<{ from: number; to: number }> {
  return { from: await positionOf(store, from), to: await positionOf(store, to) }
}

/** The position that a point stands for. Throws `position_not_reached`, `tag_not_found`. */
export async function positionOf(store: Store, point: Point): Promise<number> {
  const { log, projector, catalog } = store
  if (typeof point !== 'string') return resolvePoint(log, projector.position, point)
  const tag = catalog.tag(point)
  if (tag !== undefined) return tag.position
  throw tagNotFound(point)
}
