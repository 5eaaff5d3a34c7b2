import { AnnalsError, show } from '../errors.ts'
import type { CollectionHead, DecisionState } from './decision.ts'

/** What an erasure must take with it. */
export interface Reach {
  /** Positions of all payloads, ascending. */
  payloads: number[]
  /** Other collections whose records stand on some of them. */
  others: { head: CollectionHead; ids: string[] }[]
}

/** One collection of a fork family, and what its versions of an id stand on. */
interface Member {
  head: CollectionHead
  stands: number[]
}

/**
 * All payloads of the records' history, and whoever else in the fork family stands on one of them: then all
 * payloads of that record, too, and so on. A fork keeps the ids, so only the same id is looked at. Pure.
 *
 * What the collection itself has let go of may still stand in the log because a fork stands on it, and then in the
 * collection's own history.
 */
export function reachOf(head: CollectionHead, ids: readonly string[], state: DecisionState): Reach {
  const family = state.family(head.id)
  const heads = new Map([head, ...family].map((one) => [one.id, one]))
  const payloads = new Set<number>()
  const reached = new Map<string, string[]>()
  for (const id of ids) {
    const members = [...heads.values()].map((one) => ({ head: one, stands: state.payloads(one.id, id) }))
    for (const member of reachedFrom(members, heads)) {
      for (const at of member.stands) payloads.add(at)
      if (member.head !== head) reached.set(member.head.id, [...(reached.get(member.head.id) ?? []), id])
    }
  }
  const others = family.filter((one) => reached.has(one.id))
  return {
    payloads: [...payloads].sort((a, b) => a - b),
    others: others.map((one) => ({ head: one, ids: reached.get(one.id)! })),
  }
}

/** The first member and all that are reached from it. */
function reachedFrom(members: readonly Member[], heads: ReadonlyMap<string, CollectionHead>): Member[] {
  const [first, ...rest] = members
  const reached = [first!]
  let waiting = rest
  // What is reached is looked at in turn, and so is what that reaches.
  for (const member of reached) {
    const own = new Set(member.stands)
    const touches = ({ head, stands }: Member) =>
      stands.some((at) => own.has(at) || ownerOf(head, at, heads) === member.head.id)
    reached.push(...waiting.filter(touches))
    waiting = waiting.filter((one) => !reached.includes(one))
  }
  return reached
}

/** The collection that the operation record at a position belongs to, which a record of `head` stands on. */
function ownerOf(
  head: CollectionHead,
  at: number,
  heads: ReadonlyMap<string, CollectionHead>,
): string | null {
  let owner: CollectionHead | undefined = head
  while (owner !== undefined && at < owner.created) owner = heads.get(owner.forkedFrom ?? '')
  return owner?.id ?? null
}

/** The refusal of an erasure that would take content away from others. */
export function standsInForks(others: Reach['others']): AnnalsError {
  const names = others.map(({ head }) => `${show(head.name)} (${head.id})`).join(', ')
  const [first] = others
  return new AnnalsError(
    'conflict',
    `The content of ${show(first!.ids[0])} also stands in other collections of the fork family: ${names}.`,
    { fate: 'not_written', hint: 'Say forks: true to erase it there, too.' },
  )
}
